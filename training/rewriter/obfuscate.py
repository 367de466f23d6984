"""A word written unlike it is spoken: leetspeak, spaced or dotted letters, doubled ones, a swap.

Duty: characters of one word.
"""

from __future__ import annotations

import random
from typing import Final

_LEET: Final = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7", "l": "1", "b": "8", "g": "9"}


def obfuscated(rng: random.Random, word: str) -> str:
    """`word` in one disguise."""
    kind = rng.choice(("leet", "leet", "spaced", "dotted", "doubled", "swapped", "case", "starred"))
    if kind == "leet":
        return "".join(
            rng.choice(_LEET[char]) if char in _LEET and rng.random() < 0.6 else char for char in word
        )
    if kind in ("spaced", "dotted"):
        return (" " if kind == "spaced" else rng.choice(".-_")).join(word)
    at = rng.randrange(1, len(word) - 1)
    if kind == "doubled":
        return word[:at] + word[at] * rng.choice((1, 2, 3)) + word[at:]
    if kind == "swapped":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == "starred":
        return word[:at] + "*" + word[at + 1 :]
    return "".join(char.upper() if rng.random() < 0.5 else char for char in word)
