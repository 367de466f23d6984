"""Ways to write a prompt so that a person still reads it and a matcher does not.

Duty: each evasion as one pure function of a text, worked on every letter that it can be worked on, so that a
figure is the worst case and the same on every run. Base64 and rot13 stand apart: no picture
model reads them, a chat model in front of one may.
"""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

Evasion: TypeAlias = Callable[[str], str]

ZERO_WIDTH_SPACE: Final = "\u200b"
SOFT_HYPHEN: Final = "\u00ad"
COMBINING_LONG_STROKE: Final = "\u0336"
TAG_A: Final = "\U000e0061"

# Cyrillic letters that look like Latin ones in most fonts.
_LOOKALIKES: Final = str.maketrans("aceopxyijsABCEHIKMOPTX", "асеорхуіјѕАВСЕНІКМОРТХ")
_LEET: Final = str.maketrans("aeiostAEIOST", "431057431057")
_FULL_WIDTH: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}


def _between_letters(text: str, mark: str) -> str:
    """The mark after each letter that another letter follows."""
    followed = zip(text, text[1:] + " ", strict=True)
    return "".join(a + mark if a.isalpha() and b.isalpha() else a for a, b in followed)


def zero_width(text: str) -> str:
    """A zero-width space between all letters of a word."""
    return _between_letters(text, ZERO_WIDTH_SPACE)


def homoglyphs(text: str) -> str:
    """Cyrillic look-alikes for every letter that has one."""
    return text.translate(_LOOKALIKES)


def full_width(text: str) -> str:
    """Full-width forms of all ASCII characters."""
    return text.translate(_FULL_WIDTH)


def tag_characters(text: str) -> str:
    """An invisible tag letter between all letters of a word."""
    return _between_letters(text, TAG_A)


def combining_marks(text: str) -> str:
    """A stroke through every letter."""
    return "".join(char + COMBINING_LONG_STROKE if char.isalpha() else char for char in text)


def leetspeak(text: str) -> str:
    """A digit for each a, e, i, o, s and t."""
    return text.translate(_LEET)


def spaced_letters(text: str) -> str:
    """A space between all characters, so that words stand three spaces apart."""
    return " ".join(text)


def soft_hyphens(text: str) -> str:
    """A soft hyphen between all letters of a word."""
    return _between_letters(text, SOFT_HYPHEN)


def in_base64(text: str) -> str:
    """The whole text in base64."""
    return base64.b64encode(text.encode()).decode()


def in_rot13(text: str) -> str:
    """The whole text in rot13."""
    return codecs.encode(text, "rot13")


EVASIONS: Final[Mapping[str, Evasion]] = {
    "zero-width": zero_width,
    "homoglyphs": homoglyphs,
    "full-width": full_width,
    "tag characters": tag_characters,
    "combining marks": combining_marks,
    "leetspeak": leetspeak,
    "spaced letters": spaced_letters,
    "soft hyphens": soft_hyphens,
}
ENCODINGS: Final[Mapping[str, Evasion]] = {"base64": in_base64, "rot13": in_rot13}
