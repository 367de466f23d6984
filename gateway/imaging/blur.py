"""Pictures blurred past recognition: for previews that were not judged clean, and for redaction.

Duty: throw away everything but a few coarse colours. It knows no policy. The strength does not depend on the
picture's size: at most 8 × 8 averaged cells survive, 192 numbers whatever was drawn, so sharpening can't
bring anything back.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from classifiers.protocol import Pixels

CELLS: Final = 8


def blur(pixels: Pixels, cells: int = CELLS) -> Pixels:
    """Return a picture of the same size that keeps at most `cells` × `cells` averaged colours.

    `pixels` are H × W × 3 uint8; `cells` is 1..8, for the longer side; the shorter has fewer.

    Raises:
        ValueError: `cells` is outside 1..8.
    """
    if not 1 <= cells <= CELLS:
        raise ValueError(f"cells {cells} is not in 1..{CELLS}: more would be recognisable")
    height, width, _ = pixels.shape
    longer = max(height, width)
    small = (max(1, cells * width // longer), max(1, cells * height // longer))
    coarse = Image.fromarray(pixels).resize(small, Image.Resampling.BOX)
    return np.array(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.uint8)
