"""A small picture for lists. Duty: scale down and encode; it knows no case and no policy."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from classifiers.protocol import Pixels

TILE_PIXELS: Final = 192
"""The longer side."""
TILE_MIME: Final = "image/webp"
_QUALITY: Final = 70


def tile(pixels: Pixels) -> bytes:
    """Return a WebP of at most 192 × 192 pixels with the proportions of `pixels` (H × W × 3 uint8)."""
    small = Image.fromarray(pixels)
    small.thumbnail((TILE_PIXELS, TILE_PIXELS), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=_QUALITY)
    return out.getvalue()
