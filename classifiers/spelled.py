"""Letters spelled out or stretched: "k i l l", "k-i-l-l", "kiiill".

Duty: put spelled words together, find the words in a run that shows no gaps between them, and take stretched
letters back; abbreviations ("U.S.A.", "A, B, C"), numbers and initials stay.
"""

from __future__ import annotations

import itertools
import re
from typing import Final

from classifiers.mapped import Mapped
from classifiers.vocabulary import cut, is_word, likelier

_RUN: Final = re.compile(
    r"(?<![\w*.\-])[^\W_](?:([ ._*+~|\-])[^\W_])(?:\1[^\W_]|\1['’])+(?:(?! )\1)?(?![\w*])"
)
_PAIR: Final = re.compile(
    r"(?<![\w*.\-])[^\W\d_]([._*+~|\-])[^\W\d_](?![\w*])|(?<!\S)[^\W\d_] [^\W\d_](?!\S)"
)
_OF_TWO: Final = "am an as at be by do go he if in is it me my no of oh on or so to up us we"
_ABBREVIATION: Final = re.compile(r"(?:[A-Z]\.){2,}[A-Z]?")
_SHORTEST_CUT: Final = 3
_LONGEST_INITIALS: Final = 5

_TOKEN: Final = re.compile(r"[^\s,;:()\[\]{}<>\"“”/\\]+")
_STRETCH: Final = re.compile(r"([^\W\d_])\1{2,}", re.IGNORECASE)
_ONE_LETTER: Final = re.compile(r"([^\W\d_])\1*")
_ROMAN: Final = re.compile(r"[IVXLCDM]+")
# Without a word to go by, a letter that English doubles goes back to two, any other to one.
_DOUBLING: Final = frozenset("lsozf")
_MOST_STRETCHES: Final = 4


def joined(mapped: Mapped) -> Mapped:
    """Return the text with its spelled-out words together."""
    together = mapped.replaced(_RUN, _word_of_run)
    # Words of two letters are spelled out too where longer ones are; alone, "a b" is no word.
    return mapped if together is mapped else together.replaced(_PAIR, _word_of_pair)


def unstretched(mapped: Mapped) -> Mapped:
    """Return the text with stretched letters taken back."""
    return mapped.replaced(_TOKEN, _unstretched)


def _word_of_run(match: re.Match[str]) -> str:
    run, text, start, end = match.group(), match.string, match.start(), match.end()
    if _is_abbreviation(run):
        return run
    letters = run[::2]
    if match[1] != " " or "  " in (text[max(0, start - 2) : start], text[end : end + 2]):
        return letters  # a wider gap shows where the word ends
    letters = letters.replace("'", "").replace("’", "")
    if letters.isupper() and len(letters) <= _LONGEST_INITIALS:
        return letters
    if len(letters) < _SHORTEST_CUT or not (letters.isascii() and letters.isalpha()):
        return letters
    words, at = [], 0
    for word in cut(letters.lower()):
        words.append(letters[at : at + len(word)])
        at += len(word)
    return " ".join(words)


def _word_of_pair(match: re.Match[str]) -> str:
    word = match.group()[::2]
    return word if word.lower() in _OF_TWO.split() else match.group()


def _is_abbreviation(run: str) -> bool:
    return _ABBREVIATION.fullmatch(run) is not None or run[::2].isdigit()


def _unstretched(match: re.Match[str]) -> str:
    token = match.group()
    if _ONE_LETTER.fullmatch(token.rstrip(".!?")) or _ROMAN.fullmatch(token) or token.startswith("www"):
        return token
    pieces = _STRETCH.split(token)
    stretched = pieces[1::2]
    plain = _STRETCH.sub(lambda run: run[1] * (2 if run[1].lower() in _DOUBLING else 1), token)
    if not 0 < len(stretched) <= _MOST_STRETCHES:
        return plain
    best = plain
    for times in itertools.product((1, 2), repeat=len(stretched)):
        filled = [letter * count for letter, count in zip(stretched, times, strict=True)]
        word = "".join(a + b for a, b in itertools.zip_longest(pieces[::2], filled, fillvalue=""))
        if is_word(word.lower()):
            best = word if likelier(best.lower(), word.lower()) == word.lower() else best
    return best
