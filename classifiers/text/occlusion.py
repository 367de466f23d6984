"""Which words make a text score: leave a stretch out, score again, look closer where it helped most.

Duty: find short spans whose removal brings a score below its edges, so that a rewriter can cut them. It knows
scores only through the function it is given, and asks it about at most `MAX_ROWS` texts: a sixth of the text
at a time, then a sixth of that sixth, down to single words and their neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from classifiers.signals import Span
from classifiers.text.term_matching import merged

MAX_ROWS: Final = 32
"""So many texts are scored for one text, whatever its length; none is longer than a window of it."""
_PARTS: Final = 6
_LONGEST_PHRASE: Final = 3
_LENGTH_COST: Final = 0.1  # of excess, for a word more
_SMALLEST_GAIN: Final = 0.05
_AIM: Final = 0.7  # of an edge: what is left reads a little differently once it is put together
_SURE: Final = 1e-6
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_UNIT: Final = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
"""A word; where words are written without spaces, a character."""

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Excess: TypeAlias = Callable[[Sequence[str]], Sequence[float]]
"""`excess(texts)`: per text how far it is above its edges, 0 when below all of them."""


def excess(scores: Floats, edges: Sequence[float]) -> list[float]:
    """Return per row how far its scores lie above the edges, summed over categories, in logits; 0 = clean.

    `scores` is texts × categories in [0, 1]; `edges` has one per category. A sum, not the highest: of two
    offences each must show.
    """
    aims = np.clip(np.array(edges) * _AIM, _SURE, 1 - _SURE)
    over = _logit(np.clip(scores, _SURE, 1 - _SURE)) - _logit(aims)
    return [float(row) for row in np.maximum(over, 0.0).sum(axis=1)]


def over_edges(scores: Floats, edges: Sequence[float]) -> list[float]:
    """Return the excess of each window of a text; 0 below every edge, where nothing has to go."""
    at_fault = np.any(scores >= np.array(edges), axis=1)
    return [float(over) for over in np.where(at_fault, excess(scores, edges), 0.0)]


class Looks:
    """A function from texts to excesses that may be asked about a bounded number of texts."""

    def __init__(self, excess_of: Excess, rows: int = MAX_ROWS) -> None:
        self._excess_of = excess_of
        self.left = rows

    def __call__(self, texts: Sequence[str]) -> Sequence[float]:
        """The excess of each text, in order; of the first few alone when no more rows are left."""
        asked = texts[: self.left]
        self.left -= len(asked)
        return self._excess_of(asked) if asked else ()


def offending_spans(
    text: str, windows: Iterable[tuple[int, int, float]], excess_of: Excess, rows: int = MAX_ROWS
) -> tuple[Span, ...]:
    """Return the spans to leave out, sorted and apart, until every window is clean.

    `windows` are the text's own as the model reads it: start, end and excess; the worst is searched first.
    Empty when all are below their edges; where the rows run out, what was found until then.
    """
    look, found = Looks(excess_of, rows), list[Span]()
    for start, end, over in sorted(windows, key=lambda window: -window[2]):
        if over > 0:
            found += _within(text, start, end, over, look)
    return merged(found)


def _within(text: str, start: int, end: int, before: float, look: Looks) -> tuple[Span, ...]:
    """The spans of one window."""
    words = _Words(text, [Span(start + m.start(), start + m.end()) for m in _UNIT.finditer(text[start:end])])
    kept, removed = list(range(len(words.places))), list[int]()
    while before > 0 and look.left and len(kept) > 1:
        best = _phrase(words, kept, _narrowed(words, kept, look), look)
        if best is None or (removed and before - best.left < _SMALLEST_GAIN):
            break
        before = best.left
        removed += best.words
        kept = [at for at in kept if at not in best.words]
    return words.spans(sorted(removed))


@dataclass(frozen=True, slots=True)
class _Cut:
    """Words left out, and the excess of what is left."""

    words: tuple[int, ...]
    left: float


@dataclass(frozen=True, slots=True)
class _Words:
    """A text and the places of its words."""

    text: str
    places: Sequence[Span]

    def without(self, kept: Sequence[int], gone: Sequence[int]) -> str:
        """The kept words but those that are gone, with what stood between them."""
        ends = [*(place.start for place in self.places[1:]), self.places[-1].end]
        return "".join(self.text[self.places[at].start : ends[at]] for at in kept if at not in gone).rstrip()

    def spans(self, chosen: Sequence[int]) -> tuple[Span, ...]:
        """Neighbouring words become one span."""
        made: list[Span] = []
        for place, at in enumerate(chosen):
            if place and chosen[place - 1] == at - 1:
                made[-1] = Span(made[-1].start, self.places[at].end)
            else:
                made.append(self.places[at])
        return tuple(made)


def _cuts(words: _Words, kept: Sequence[int], look: Looks, gone: Sequence[Sequence[int]]) -> list[_Cut]:
    """What each of these cuts leaves; never all words, and only as many as there are rows left."""
    tried = [tuple(each) for each in gone if 0 < len(each) < len(kept)]
    left = look([words.without(kept, each) for each in tried])
    return [_Cut(each, excess) for each, excess in zip(tried, left, strict=False)]


def _narrowed(words: _Words, kept: Sequence[int], look: Looks) -> list[int]:
    """At most `_PARTS` of the kept words, side by side: those whose absence helps most."""
    part = list(kept)
    while len(part) > _PARTS:
        size = -(-len(part) // _PARTS)
        found = _cuts(words, kept, look, [part[at : at + size] for at in range(0, len(part), size)])
        if not found:
            return part[:_PARTS]
        part = list(min(found, key=lambda cut: cut.left).words)
    return part


def _phrase(words: _Words, kept: list[int], part: Sequence[int], look: Looks) -> _Cut | None:
    """The best word of a part to leave out, or where it is not enough the best phrase around it."""
    found = _cuts(words, kept, look, [(at,) for at in part])
    if not found:
        return None
    best = min(found, key=_cost)
    if best.left > 0:
        at = kept.index(best.words[0])
        around = [
            kept[first : first + length]
            for length in range(2, _LONGEST_PHRASE + 1)
            for first in range(max(0, at - length + 1), min(at, len(kept) - length) + 1)
        ]
        best = min([best, *_cuts(words, kept, look, around)], key=_cost)
    return best


def _cost(cut: _Cut) -> float:
    """What is wrong with a cut: what it leaves, and its length, which alone counts among clean ones."""
    return cut.left + _LENGTH_COST * len(cut.words) if cut.left > 0 else 0.01 * len(cut.words)


def _logit(share: Floats) -> Floats:
    return np.asarray(np.log(share / (1 - share)))
