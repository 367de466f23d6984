"""Digits and signs that stand for letters: "k1ll", "53x", "b34ch".

Duty: write such words in letters and leave ordinary ones alone ("35mm", "mp3", "4k", "R2-D2"). A digit
between two letters is evidence by itself; once a text shows such evidence, its other words with digits are
read so too when that makes a word. Without it only words that image prompts are written with are read so.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import Final

from classifiers.mapped import Mapped
from classifiers.vocabulary import is_word, likelier

_TOKEN: Final = re.compile(r"[^\s,;:()\[\]{}<>\"“”/\\]+")
_INNER: Final = re.compile(r"[^\W\d_][013457@$!|€]+[^\W\d_]")
_LEADING: Final = re.compile(r"[@$0345]([a-z]{2,})")
_TRAILING: Final = re.compile(r"[a-z][a-z][@$]+$|[a-z]\${2,}$")
_MIXED: Final = re.compile(r"(?=.*[a-z])(?=.*[0-9@$!|€]).*", re.DOTALL)
_NUMBER_WITH_UNIT: Final = re.compile(r"[0-9.]+([a-z]+)")
# What ordinary digits carry behind them: "5mm", "3girls", "4ever".
_UNITS: Final = """
st nd rd th mm cm km ft px kg am pm mp in ml gb mb tb hz ghz mhz girl girls boy boys ever some way
day days year years man men woman women people person persons min mins sec secs hour hours hr hrs up chan
iso fps bit inch lens ply star door panel tone wheel seater k d s x m g dpi deg
"""
_LETTER: Final = str.maketrans("0345678926@$!|€£", "oeasgtbgzgasilel")
_DIGITS: Final = frozenset("013457")
_ENDS: Final = ".!?'’"
_SHORT_WORD: Final = 3
_ONE: Final = ("i", "l")
_MOST_ONES: Final = 3
_SHORT: Final = frozenset({"a", "i", "as", "at", "is", "it", "its", "so", "to", "too"})
"""What a token without any letter may stand for, in a text that is written so throughout."""


def unleeted(mapped: Mapped, known: frozenset[str]) -> Mapped:
    """Return the text with its leetspeak in letters; `known` words need no evidence around them."""
    tokens = (token.rstrip(_ENDS) for token in _TOKEN.findall(mapped.text.lower()))
    evidence = sum(1 for token in tokens if _is_evident(token, known))

    def read(match: re.Match[str]) -> str:
        token = match.group().rstrip(_ENDS)
        return _read(token, evidence, known) + match.group()[len(token) :]

    return mapped.replaced(_TOKEN, read)


def _is_evident(token: str, known: frozenset[str]) -> bool:
    """Whether a lower-case token shows by itself that it is leetspeak."""
    if _INNER.search(token):
        return not _is_address(token)
    if not _MIXED.fullmatch(token):
        return False
    meant = _in_letters(token)
    digits = sum(char in _DIGITS for char in token)
    return meant in known or (
        digits > 1 and len(token) > _SHORT_WORD and not _counts(token) and is_word(meant)
    )


def _read(token: str, evidence: int, known: frozenset[str]) -> str:
    lower = token.lower()
    if _is_address(token):
        return token
    leading = _LEADING.fullmatch(lower)
    if (leading and leading[1] not in _units()) or _TRAILING.search(lower) or _is_evident(lower, known):
        return _in_letters(token)
    if not evidence or lower.isalpha():
        return token
    meant = _in_letters(token)
    if not _MIXED.fullmatch(lower):
        return meant if evidence > 1 and meant in _SHORT else token
    makes_a_word, counts = is_word(meant.lower()), _counts(lower)
    fits = (makes_a_word and not counts) if evidence == 1 else (makes_a_word or not counts)
    return meant if fits else token


def _is_address(token: str) -> bool:
    return "@" in token and "." in token.rpartition("@")[2]


def _counts(token: str) -> bool:
    """Whether a lower-case token is a number with its unit, as "35mm"."""
    counted = _NUMBER_WITH_UNIT.fullmatch(token)
    return counted is not None and counted[1] in _units()


def _in_letters(token: str) -> str:
    """The likeliest word: 1 may be i or l, the other digits have one letter each."""
    plain = token.translate(_LETTER)
    ones = plain.count("1")
    if not 0 < ones <= _MOST_ONES:
        return plain.replace("1", "i")
    words = ["".join(_filled(plain, letters)) for letters in itertools.product(_ONE, repeat=ones)]
    best = words[0].lower()
    for word in words[1:]:
        best = likelier(best, word.lower())
    return next(word for word in words if word.lower() == best)


def _filled(plain: str, letters: tuple[str, ...]) -> list[str]:
    following = iter(letters)
    return [next(following) if char == "1" else char for char in plain]


@functools.cache
def _units() -> frozenset[str]:
    return frozenset(_UNITS.split())
