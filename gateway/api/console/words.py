"""Hostile text made readable, and two texts compared word by word. Pure.

Duty: text → pieces that a template escapes and marks. Characters that a reader can't see, or that turn the
order of what stands around them, are shown by their code point.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal

MAX_COMPARED: Final = 2_000
"""Words of the longer text: comparing takes time that grows with the square of it."""
_WORDS: Final = re.compile(r"\s+|\w+|[^\w\s]")
_PLAIN: Final = frozenset("\n\t")
_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
Kind = Literal["same", "gone", "new", "odd"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text: `same` in both, `gone` from the first, `new` in the second, an `odd` character."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Two texts in pieces. `whole` is false when they were too long to be compared."""

    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    whole: bool


def visible(text: str, kind: Kind = "same") -> tuple[Piece, ...]:
    """Return the text in pieces, each hidden character on its own as its code point (`U+202E`)."""
    pieces: list[Piece] = []
    plain: list[str] = []
    for character in text:
        if character in _PLAIN or unicodedata.category(character) not in _HIDDEN:
            plain.append(character)
            continue
        if plain:
            pieces.append(Piece(kind, "".join(plain)))
            plain = []
        pieces.append(Piece("odd", f"U+{ord(character):04X}"))
    if plain:
        pieces.append(Piece(kind, "".join(plain)))
    return tuple(pieces)


def compare(before: str, after: str) -> Compared:
    """Return both texts with what changed marked."""
    left, right = _WORDS.findall(before), _WORDS.findall(after)
    if max(len(left), len(right)) > MAX_COMPARED:
        return Compared(visible(before), visible(after), whole=False)
    gone: list[Piece] = []
    new: list[Piece] = []
    for tag, l0, l1, r0, r1 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        changed = tag != "equal"
        gone += visible("".join(left[l0:l1]), "gone" if changed else "same")
        new += visible("".join(right[r0:r1]), "new" if changed else "same")
    return Compared(tuple(gone), tuple(new), whole=True)
