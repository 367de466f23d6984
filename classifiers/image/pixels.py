"""What every image classifier asks of its items: H × W × 3 uint8, nothing else.

Duty: refuse anything that is no picture, so that a wrong item becomes a failure and never a low score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from classifiers.protocol import Pixels


def check_pixels(item: object) -> None:
    """Pass a picture, refuse anything else.

    Raises:
        TypeError: it is no array.
        ValueError: it has another type or shape than H × W × 3 uint8, or no pixels.
    """
    if not isinstance(item, np.ndarray):
        raise TypeError(f"an image classifier takes pixels, not {type(item).__name__}")
    if item.dtype != np.uint8 or item.ndim != 3 or item.shape[2] != 3 or 0 in item.shape:
        raise ValueError(f"pixels are {item.dtype} {item.shape}, not H x W x 3 uint8")


def pictures_of(batch: Sequence[Pixels]) -> list[Image.Image]:
    """Return the items as PIL pictures, which leave a processor no doubt where the channels are.

    Raises as `check_pixels`.
    """
    for pixels in batch:
        check_pixels(pixels)
    return [Image.fromarray(pixels) for pixels in batch]
