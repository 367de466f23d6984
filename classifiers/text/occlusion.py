"""Which words make a text score: leave a phrase out, score again, keep what helped most.

Duty: find short spans whose removal brings a score down, so that a rewriter can cut them. It knows scores
only through the function it is given. Cost is bounded: at most `MAX_ROUNDS` batches of `MAX_CANDIDATES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from classifiers.signals import Span

MAX_ROUNDS: Final = 3
MAX_CANDIDATES: Final = 48
_LONGEST_PHRASE: Final = 3
_LENGTH_COST: Final = 0.03  # a word more must lower the score by more than this
_SMALLEST_GAIN: Final = 0.02
_WORD: Final = re.compile(r"\S+")

ScoreTexts = Callable[[Sequence[str]], Sequence[float]]


def offending_spans(
    text: str, start: int, end: int, score_texts: ScoreTexts, *, stop_below: float
) -> tuple[Span, ...]:
    """Return the spans of `text[start:end]` to leave out, sorted, until the rest scores below `stop_below`.

    Empty when no phrase matters by itself. `score_texts` returns one score in [0, 1] per text.
    """
    units = _units(text, start, end)
    kept = list(range(len(units)))
    removed: list[int] = []
    score = 1.0
    for _ in range(MAX_ROUNDS):
        phrases = _phrases(kept)
        if not phrases:
            break
        rests = [_joined(text, units, kept, phrase) for phrase in phrases]
        after = score_texts(rests)
        costs = [value + _LENGTH_COST * len(phrase) for value, phrase in zip(after, phrases, strict=True)]
        best = min(range(len(phrases)), key=costs.__getitem__)
        if score - after[best] < _SMALLEST_GAIN and removed:
            break
        score = after[best]
        removed += phrases[best]
        kept = [place for place in kept if place not in phrases[best]]
        if score < stop_below:
            break
    return _spans(units, sorted(removed))


def _units(text: str, start: int, end: int) -> list[Span]:
    """The words, or in a long text equal groups of words, so that the number of candidates is bounded."""
    words = [Span(start + m.start(), start + m.end()) for m in _WORD.finditer(text[start:end])]
    group = -(-len(words) // MAX_CANDIDATES) if words else 1
    return [
        Span(words[at].start, words[min(at + group, len(words)) - 1].end)
        for at in range(0, len(words), group)
    ]


def _phrases(kept: list[int]) -> list[tuple[int, ...]]:
    """Neighbouring units to leave out together, short ones first; never all of them."""
    found: list[tuple[int, ...]] = []
    for length in range(1, min(_LONGEST_PHRASE, len(kept) - 1) + 1):
        more = [tuple(kept[at : at + length]) for at in range(len(kept) - length + 1)]
        if len(found) + len(more) > MAX_CANDIDATES:
            break
        found += more
    return found


def _joined(text: str, units: list[Span], kept: list[int], without: tuple[int, ...]) -> str:
    return " ".join(text[units[at].start : units[at].end] for at in kept if at not in without)


def _spans(units: list[Span], removed: list[int]) -> tuple[Span, ...]:
    """Neighbouring units become one span."""
    made: list[Span] = []
    last = -2
    for at in removed:
        if at == last + 1:
            made[-1] = Span(made[-1].start, units[at].end)
        else:
            made.append(units[at])
        last = at
    return tuple(made)
