"""A picture cut and scaled to another size, from the middle, without stretching.

Duty: geometry. What lies outside the size's proportions is cut off on both sides alike. It knows no request.
"""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageOps

from classifiers.protocol import Mask, Pixels
from gateway.imaging.workers import PixelWorkers, shared_workers


def fit(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return H × W × 3 uint8 of exactly this size; the same array when it fits already."""
    if pixels.shape[:2] == (height, width):
        return pixels
    fitted = ImageOps.fit(Image.fromarray(pixels), (width, height), Image.Resampling.LANCZOS)
    return np.array(fitted, dtype=np.uint8)


def fit_mask(mask: Mask, width: int, height: int) -> Mask:
    """Return H × W bool of exactly this size, cut as `fit` cuts."""
    if mask.shape == (height, width):
        return mask
    grey = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(ImageOps.fit(grey, (width, height), Image.Resampling.NEAREST)) > 127


async def fit_off_loop(
    pixels: Pixels, width: int, height: int, *, workers: PixelWorkers | None = None
) -> Pixels:
    """As `fit`, in the pixel workers' threads. Raises Overloaded."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return await (workers or shared_workers()).run(functools.partial(fit, pixels, width, height))
