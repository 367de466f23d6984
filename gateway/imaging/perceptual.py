"""A perceptual hash of a picture, for the record: near copies have near hashes.

Duty: 64 bits that survive re-encoding and scaling. It is no proof of identity and no measurement of harm.
Source: the difference hash ("dHash", N. Krawetz, 2013): 9 × 8 grey cells, one bit per rising neighbour.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from classifiers.protocol import Pixels

_SIDE: Final = 8


def perceptual_hash(pixels: Pixels) -> str:
    """Return 16 lower-case hex digits; `pixels` are H × W × 3 uint8."""
    grey = Image.fromarray(pixels).convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.BOX)
    cells = np.asarray(grey, dtype=np.int16)
    bits = cells[:, 1:] > cells[:, :-1]
    return np.packbits(bits).tobytes().hex()


def hamming_distance(first: str, second: str) -> int:
    """How many of the 64 bits differ: 0 = the same, about 32 = unrelated.

    Raises:
        ValueError: an argument is not hex.
    """
    return (int(first, 16) ^ int(second, 16)).bit_count()
