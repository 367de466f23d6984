"""English words and how often they are written, to tell what was meant by letters without gaps or by digits.

Duty: look words up, and cut a run of letters into words. It knows no category. The list is the frequency
dictionary inside the package `symspellpy` (82,834 words, MIT), read on first use in about 50 ms of CPU.

Source of the method: Norvig, "Natural Language Corpus Data" (2009): the most probable cut under word
frequencies alone, by dynamic programming.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from importlib import resources
from typing import Final

_PACKAGE: Final = "symspellpy"
_FILE: Final = "frequency_dictionary_en_82_765.txt"
_LONGEST_WORD: Final = 20


def is_word(word: str) -> bool:
    """True for a lower-case English word."""
    return word in _frequencies()


def frequency(word: str) -> int:
    """Return how often a lower-case English word was counted; 0 for one that is not listed."""
    return _frequencies().get(word, 0)


def likelier(one: str, other: str) -> str:
    """Return whichever of two lower-case words is written more often; the first when neither is known."""
    frequencies = _frequencies()
    return other if frequencies.get(other, 0) > frequencies.get(one, 0) else one


def cut(letters: str) -> list[str]:
    """Return the run of lower-case letters as the words it most probably is; linear in its length."""
    log_frequencies = _log_frequencies()
    best: list[float] = [0.0]
    starts: list[int] = [0]
    for end in range(1, len(letters) + 1):
        score, start = -math.inf, end - 1
        for begin in range(max(0, end - _LONGEST_WORD), end):
            word = letters[begin:end]
            found = log_frequencies.get(word)
            here = best[begin] + (_unknown(len(word)) if found is None else found)
            if here > score:
                score, start = here, begin
        best.append(score)
        starts.append(start)
    words: list[str] = []
    end = len(letters)
    while end > 0:
        words.append(letters[starts[end] : end])
        end = starts[end]
    return words[::-1]


def _unknown(length: int) -> float:
    """An unknown word is as rare as once in the whole corpus, and ten times rarer a letter."""
    return -_log_total() - (length - 1) * math.log(10)


@functools.cache
def _frequencies() -> Mapping[str, int]:
    text = (resources.files(_PACKAGE) / _FILE).read_text("utf-8-sig")
    return {word: int(count) for word, _, count in (line.partition(" ") for line in text.splitlines())}


@functools.cache
def _log_total() -> float:
    return math.log(sum(_frequencies().values()))


@functools.cache
def _log_frequencies() -> Mapping[str, float]:
    return {word: math.log(count) - _log_total() for word, count in _frequencies().items()}
