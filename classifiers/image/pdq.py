"""PDQ: a perceptual hash of 256 bits that survives re-encoding, scaling and light editing.

Duty: pixels → hash and quality. It knows no list. The algorithm is Meta's, "PDQ & TMK + PDQF" (2019): luma,
two passes of a box filter in each direction, 64 × 64 samples, the 16 × 16 lowest cosine terms, one bit for
each above their median. Written in numpy after that paper and held against its reference in the tests (the
library pdqhash 0.2.8), which has no binary package: every installation would need a C++ compiler.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from classifiers.protocol import Pixels

BITS: Final = 256
HEX_DIGITS: Final = BITS // 4
_SMALL: Final = 64
_TERMS: Final = 16
_PASSES: Final = 2
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
_SMALLEST_SIDE: Final = 5
_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PdqHash:
    """`bits`, 256 bool with the highest first; `quality` 0..100: below 50 a picture is too flat to tell."""

    bits: npt.NDArray[np.bool_]
    quality: int

    @property
    def hex(self) -> str:
        """64 hex digits, as lists hold them."""
        return np.packbits(self.bits).tobytes().hex()


def pdq(pixels: Pixels) -> PdqHash:
    """Return the hash of a picture, H × W × 3 uint8; one smaller than 5 pixels has quality 0."""
    if min(pixels.shape[:2]) < _SMALLEST_SIDE:
        return PdqHash(np.zeros(BITS, np.bool_), 0)
    luma: _Floats = pixels.astype(np.float32) @ _LUMA
    small = luma if luma.shape == (_SMALL, _SMALL) else _sampled(luma)
    terms = _cosines() @ small @ _cosines().T
    bits = terms > np.sort(terms, axis=None)[BITS // 2 - 1]  # the lower of the two middle values
    return PdqHash(bits.reshape(-1)[::-1], _quality(small))


def bits_of(digits: str) -> npt.NDArray[np.bool_]:
    """Return the 256 bits of 64 hex digits.

    Raises:
        ValueError: another number of digits, or no hex.
    """
    content = bytes.fromhex(digits)
    if len(content) * 8 != BITS:
        raise ValueError(f"a PDQ hash has {HEX_DIGITS} hex digits")
    return np.unpackbits(np.frombuffer(content, np.uint8)).astype(np.bool_)


def _sampled(luma: _Floats) -> _Floats:
    for _ in range(_PASSES):
        luma = _box(_box(luma, 1), 0)
    rows, columns = (((np.arange(_SMALL) + 0.5) * side / _SMALL).astype(int) for side in luma.shape)
    sampled: _Floats = luma[rows][:, columns]
    return sampled


def _box(values: _Floats, axis: int) -> _Floats:
    """The mean of a window around each value, shorter at the ends."""
    size = values.shape[axis]
    window = (size + 2 * _SMALL - 1) // (2 * _SMALL)
    after = (window + 2) // 2 - 1
    before = window - 1 - after
    sums = np.cumsum(values, axis=axis, dtype=np.float64)
    sums = np.insert(sums, 0, 0, axis=axis)
    places = np.arange(size)
    first, last = np.maximum(places - before, 0), np.minimum(places + after, size - 1) + 1
    counts = (last - first).reshape((-1, 1) if axis == 0 else (1, -1))
    means: _Floats = ((np.take(sums, last, axis) - np.take(sums, first, axis)) / counts).astype(np.float32)
    return means


def _quality(small: _Floats) -> int:
    steps = (np.diff(small, axis=0), np.diff(small, axis=1))
    gradients = sum(int(np.abs((step * 100 / 255).astype(np.int32)).sum()) for step in steps)
    return min(100, gradients // 90)


@functools.cache
def _cosines() -> _Floats:
    rows, columns = np.arange(1, _TERMS + 1)[:, None], 2 * np.arange(_SMALL)[None] + 1
    matrix: _Floats = (np.sqrt(2 / _SMALL) * np.cos(np.pi / 2 / _SMALL * rows * columns)).astype(np.float32)
    return matrix
