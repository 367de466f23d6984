"""Text flattened for matching: small letters without accents, single spaces, each with its place.

Duty: one form in which listed words and texts meet. It knows no list.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable
from typing import Final

_SEPARATORS: Final = str.maketrans(dict.fromkeys("-_\t\n\r\v\f", " "))


def flattened(text: str) -> tuple[str, list[int] | None]:
    """Small letters without accents, single spaces; and each character's place, None when unmoved."""
    if text.isascii():
        flat = text.lower().translate(_SEPARATORS)
        if "  " not in flat:
            return flat, None
        chars: Iterable[tuple[int, str]] = enumerate(flat)
    else:
        chars = ((at, bare) for at, char in enumerate(text) for bare in _bare(char))
    kept, offsets, last = [], [], ""
    for at, char in chars:
        if char == " " and last == " ":
            continue
        kept.append(char)
        offsets.append(at)
        last = char
    return "".join(kept), offsets


@functools.lru_cache(maxsize=8192)
def _bare(char: str) -> str:
    """A character as it is matched: Latin, Greek and Cyrillic letters lose their accents."""
    if char.isascii():
        return char.lower().translate(_SEPARATORS)
    if char.isspace() or unicodedata.category(char) == "Pd":
        return " "
    if "\u0300" <= char <= "\u036f":
        return ""
    folded = char.casefold()
    if not "\u00c0" <= char <= "\u1fff" or "\u0590" <= char <= "\u1dff":
        return folded
    plain = "".join(part for part in unicodedata.normalize("NFD", folded) if not unicodedata.combining(part))
    return plain or folded
