"""The parts of a text that stand for themselves: sentences, what follows a colon, what stands in quotes.

Duty: text in, parts out. A classifier's score of a long text can hide what one part of it says; so a rewrite,
which an attacker may have talked into a harmless frame around a payload, is also judged part by part.
"""

from __future__ import annotations

import re
from typing import Final

_BREAK: Final = re.compile(r"[.:;!?…]+(?:\s+|$)|\s*[\"“”«»()\[\]{}|\n]+\s*")
_MOST: Final = 8


def parts_of(text: str) -> tuple[str, ...]:
    """Return the parts of two words or more, 8 at most, the last with the rest; none for one sentence."""
    pieces = [piece.strip(" ,-") for piece in _BREAK.split(text)]
    parts = [piece for piece in pieces if len(piece.split()) > 1]
    if not parts or parts == [text]:
        return ()
    return (*parts[: _MOST - 1], *([" ".join(parts[_MOST - 1 :])] if len(parts) >= _MOST else []))
