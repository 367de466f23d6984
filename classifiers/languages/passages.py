"""A text as passages of one language each, for a set of covered languages.

Duty: say which words of a text are in which language, where that is clear. In doubt a passage has no
language, and counts as covered. It knows no score of a classifier and no policy.

The language of a clause is found by itself, and by the whole text where it leans the same way. Inside of an
uncovered clause the words that speak for a covered language are a passage of their own. So foreign text, put
beside another, does not take it along. Evidence is a sum of log-likelihoods (`identifier`); a language is
clear where it is likelier than all its rivals by a threshold that falls with each word. Figures:
benchmarks/languages.py.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from classifiers.languages.identifier import Evidence, languages_of, table
from classifiers.languages.words import Words, words_of

THRESHOLDS: Final = {3: 19.0, 4: 12.0}
"""Telling words → how much likelier (log odds) a language must be to be clear."""
LONG_THRESHOLD: Final = 10.0
FEWEST_WORDS: Final = 3
LEAN: Final = 5.0
"""A clause goes with the whole text's language when it is likelier there by so much."""
APART: Final = 4.0
"""Words inside of a clause are another language's when they are likelier there by so much."""
_FEWEST_LETTERS: Final = 8
"""Of a script that no covered language is written in, beside other words: a sign or two tell nothing."""
_LETTERS_OF_A_SIGN: Final = 3  # a Chinese character stands for about so many letters
_SIGNS: Final = ("CJK", "HAN", "HIRAGANA", "HANGUL")
_MOST_APART: Final = 4
"""A clause with more words apart than these runs is in doubt."""
_CACHED_TEXTS: Final = 64


@dataclass(frozen=True, slots=True)
class Passage:
    """`[start, end)` of a text. `language` is None in doubt; `evidence` is how clear it is in log odds.

    `words` counts those that told. Of a script that only other languages use, `evidence` is infinite.
    """

    start: int
    end: int
    language: str | None
    covered: bool
    evidence: float = 0.0
    words: int = 0


@dataclass(frozen=True, slots=True)
class _Label:
    """What was found of a word; words with equal labels beside each other are one passage."""

    language: str | None
    covered: bool
    evidence: float = 0.0


_DOUBT: Final = _Label(None, covered=True)


@dataclass(frozen=True, slots=True)
class _Segment:
    """Words `[start, end)` of one clause and one script."""

    start: int
    end: int
    script: str


@functools.lru_cache(maxsize=_CACHED_TEXTS)
def passages(text: str, covered: frozenset[str]) -> tuple[Passage, ...]:
    """Return the passages of a text in order; together they are the whole text.

    A text of which nothing is clear is one passage, in doubt and covered. Linear in the text.
    """
    words = words_of(text)
    labels = _labels(words, covered)
    found: list[Passage] = []
    for label, places in itertools.groupby(range(len(labels)), key=labels.__getitem__):
        group = list(places)
        start = words.words[group[0]].start if found else 0
        if found:
            found[-1] = replace(found[-1], end=start)
        told = words.telling(group[0], group[-1] + 1)
        found.append(Passage(start, len(text), label.language, label.covered, label.evidence, told))
    return tuple(found) or (Passage(0, len(text), None, covered=True),)


def _labels(words: Words, covered: frozenset[str]) -> list[_Label]:
    labels = [_DOUBT] * len(words.words)
    by_script: dict[str, list[_Segment]] = {}
    for segment in _segments(words):
        by_script.setdefault(segment.script, []).append(segment)
    for script, mine in by_script.items():
        spoken = languages_of(script)
        if spoken and spoken <= covered and len(spoken) == 1:
            _fill(labels, mine, _Label(next(iter(spoken)), covered=True, evidence=math.inf))
        elif not spoken & covered:
            if len(by_script) == 1 or _letters(words, mine) >= _FEWEST_LETTERS:
                only = next(iter(spoken)) if len(spoken) == 1 else None
                _fill(labels, mine, _Label(only, covered=False, evidence=math.inf))
        else:
            _ByEvidence(words, _rivals_of(spoken, covered)).label(labels, mine)
    return labels


def _segments(words: Words) -> Iterator[_Segment]:
    """Runs of one clause and one script; Chinese characters beside kana are Japanese."""
    kana = {word.clause for word in words.words if word.script == "KANA"}

    def kind(at: int) -> tuple[int, str]:
        word = words.words[at]
        if word.script not in ("CJK", "KANA"):
            return word.clause, word.script
        return word.clause, "HIRAGANA" if word.clause in kana else "CJK" if kana else "HAN"

    for (_clause, script), places in itertools.groupby(range(len(words.words)), key=kind):
        group = list(places)
        yield _Segment(group[0], group[-1] + 1, script)


def _letters(words: Words, segments: Iterable[_Segment]) -> int:
    return sum(
        (words.words[at].end - words.words[at].start)
        * (_LETTERS_OF_A_SIGN if segment.script in _SIGNS else 1)
        for segment in segments
        for at in range(segment.start, segment.end)
    )


def _fill(labels: list[_Label], segments: Iterable[_Segment], label: _Label) -> None:
    for segment in segments:
        labels[segment.start : segment.end] = [label] * (segment.end - segment.start)


@dataclass(frozen=True, slots=True, eq=False)
class _Rivals:
    """The languages of one script, by place, and whom each must outdo to be clear.

    One that is not covered must outdo every covered one, by twice as much where one of these is its sibling;
    a covered one all others but its siblings.
    """

    spoken: tuple[str, ...]
    columns: list[int]
    covered: npt.NDArray[np.bool_]
    of: npt.NDArray[np.bool_]
    near_covered: list[bool]


@functools.lru_cache(maxsize=64)
def _rivals_of(spoken: frozenset[str], covered: frozenset[str]) -> _Rivals:
    ordered = tuple(sorted(spoken))
    siblings = [table().siblings.get(language, frozenset()) | {language} for language in ordered]
    is_covered = np.array([language in covered for language in ordered])
    of = np.array(
        [
            [other not in near for other in ordered] if language in covered else is_covered
            for language, near in zip(ordered, siblings, strict=True)
        ]
    )
    near_covered = [
        language not in covered and bool(near & covered)
        for language, near in zip(ordered, siblings, strict=True)
    ]
    return _Rivals(ordered, table().places(spoken), is_covered, of, near_covered)


class _ByEvidence:
    """Labels segments of one script, whose languages are partly covered or several, by evidence."""

    def __init__(self, words: Words, rivals: _Rivals) -> None:
        self._words = words
        self._among = rivals

    def label(self, labels: list[_Label], segments: Sequence[_Segment]) -> None:
        """Write the labels of what is clear; what is not stays in doubt."""
        whole = self._clear(
            sum((self._evidence(s) for s in segments), np.zeros(len(self._among.columns), np.float32)),
            sum(self._words.telling(s.start, s.end) for s in segments),
        )
        for segment in segments:
            found = self._evidence(segment)
            own = self._clear(found, self._words.telling(segment.start, segment.end))
            if own is None and whole is not None and self._goes_with(found, whole[0]):
                own = whole
            if own is not None:
                self._write(labels, segment, *own)

    def _evidence(self, segment: _Segment) -> Evidence:
        return self._words.evidence(segment.start, segment.end)[self._among.columns]

    def _clear(self, found: Evidence, telling: int) -> tuple[int, float] | None:
        """The place of the language that is clear, with its margin; None in doubt."""
        if telling < FEWEST_WORDS:
            return None
        best = int(found.argmax())
        margin = float(found[best] - found[self._among.of[best]].max(initial=-math.inf))
        needed = THRESHOLDS.get(telling, LONG_THRESHOLD) * (2 if self._among.near_covered[best] else 1)
        return (best, margin) if margin >= needed else None

    def _goes_with(self, found: Evidence, whole: int) -> bool:
        margin = float(found[whole] - found[self._among.of[whole]].max(initial=-math.inf))
        return margin >= (-LEAN if self._among.covered[whole] else LEAN)

    def _write(self, labels: list[_Label], segment: _Segment, best: int, margin: float) -> None:
        covered = bool(self._among.covered[best])
        apart = [] if covered else self._apart(segment.start, segment.end, best)
        if apart is None:
            return  # too many words of other languages in it: the whole is in doubt
        _fill(labels, [segment], _Label(self._among.spoken[best], covered=covered, evidence=margin))
        for start, end in apart:
            labels[start:end] = [_DOUBT] * (end - start)

    def _apart(self, start: int, end: int, best: int) -> list[tuple[int, int]] | None:
        """Runs of words of an uncovered clause that speak for a covered language; None: too many."""
        rows = np.diff(self._words.sums[start : end + 1][:, self._among.columns], axis=0)
        gains = (rows - rows[:, [best]])[:, self._among.covered]
        found: list[tuple[int, int]] = []
        todo = [(0, end - start)]
        while todo:
            low, high = todo.pop()
            at = _best_run(gains[low:high])
            if at is None:
                continue
            first, last, gain = at
            if gain < APART:
                continue
            if len(found) == _MOST_APART:
                return None
            found.append((start + low + first, start + low + last))
            todo += [(low, low + first), (low + last, high)]
        return found


def _best_run(gains: Evidence) -> tuple[int, int, float] | None:
    """The run of rows with the highest sum in any column: first row, end and sum. Linear."""
    if not len(gains):
        return None
    summed = np.vstack([np.zeros_like(gains[:1]), np.cumsum(gains, axis=0)])
    lowest = np.minimum.accumulate(summed, axis=0)
    above = summed - lowest
    end, column = np.unravel_index(int(above.argmax()), above.shape)
    if end == 0:
        return None
    first = int(summed[:end, column].argmin())
    return first, int(end), float(above[end, column])
