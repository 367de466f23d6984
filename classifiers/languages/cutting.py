"""A view of a text, cut for a classifier that was trained for some languages alone.

Duty: say what such a classifier is asked instead of the whole, where the text is not all in its languages, or
in several of them. It knows no classifier and no score.

  * All of the text is covered or in doubt: the whole, at no extra cost.
  * It is in several of the languages: the whole, and what stands in each by itself, because a score of the
    whole may hide what one part says.
  * Some of it is outside: what is covered, by itself and as above; and what is outside, whose scores are
    recorded and ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from classifiers.languages.passages import Passage, passages
from classifiers.normalize import View

PASSAGE: Final = "passage"
"""The view's name of what was cut out."""
MOST_PARTS: Final = 8
"""Languages of one text that are asked by themselves; each costs model time."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What is asked; `outside` marks what is in none of the classifier's languages."""

    view: View
    outside: bool = False


def pieces(view: View, languages: frozenset[str]) -> tuple[Piece, ...]:
    """Return what a classifier trained for `languages` (two-letter codes) is asked of this view."""
    found = passages(view.text, languages)
    inside = [passage for passage in found if passage.covered]
    if not inside:
        return (Piece(view, outside=True),)
    outside = [passage for passage in found if not passage.covered]
    covered = _joined(view, inside) if outside else view
    asked = [Piece(covered), *(Piece(part) for part in _parts(view, inside))]
    if outside:
        asked.append(Piece(_joined(view, outside), outside=True))
    return tuple(asked)


def _parts(view: View, inside: Sequence[Passage]) -> list[View]:
    """What stands in each language that is clear, the longest first; none where it is all one."""
    by_language: dict[str, list[Passage]] = {}
    for passage in inside:
        if passage.language is not None:
            by_language.setdefault(passage.language, []).append(passage)
    if len(by_language) < 2:
        return []
    longest = sorted(by_language.values(), key=lambda mine: -sum(each.end - each.start for each in mine))
    return [_joined(view, mine) for mine in longest[:MOST_PARTS]]


def _joined(view: View, found: Iterable[Passage]) -> View:
    """The passages as one text, a space between two."""
    chars: list[str] = []
    origin: list[int] = []
    ends: list[int] = []
    for passage in found:
        piece = view.text[passage.start : passage.end]
        start = passage.start + len(piece) - len(piece.lstrip())
        end = passage.start + len(piece.rstrip())
        if chars and start < end:
            chars.append(" ")
            origin.append(view.origin[start])
            ends.append(view.ends[start])
        chars.append(view.text[start:end])
        origin += view.origin[start:end]
        ends += view.ends[start:end]
    return View(PASSAGE, "".join(chars), origin, ends)
