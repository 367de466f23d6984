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
_ENOUGH: Final = 128
"""Of more rows and columns than this an even choice is looked at: a cell is the mean of many anyway."""


def perceptual_hash(pixels: Pixels) -> str:
    """Return 16 lower-case hex digits; `pixels` are H × W × 3 uint8."""
    step = max(1, min(pixels.shape[:2]) // _ENOUGH)
    grey = (
        Image.fromarray(np.ascontiguousarray(pixels[::step, ::step]))
        .convert("L")
        .resize((_SIDE + 1, _SIDE), Image.Resampling.BOX)
    )
    cells = np.asarray(grey, dtype=np.int16)
    bits = cells[:, 1:] > cells[:, :-1]
    return np.packbits(bits).tobytes().hex()


def hamming_distance(first: str, second: str) -> int:
    """How many of the 64 bits differ: 0 = the same, about 32 = unrelated.

    Raises:
        ValueError: an argument is not hex.
    """
    return (int(first, 16) ^ int(second, 16)).bit_count()
