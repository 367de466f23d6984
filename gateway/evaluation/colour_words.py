"""Which colour a drawn thing has, in one plain word.

Duty: pixels and words. The thing is what differs from the picture's border; its colour is the word that most
of its pixels have, leaving out those on which people would disagree. Colours are sRGB; hue in degrees,
saturation and value in [0, 1].
"""

from __future__ import annotations

from collections import Counter
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from classifiers.protocol import Pixels

Floats: TypeAlias = npt.NDArray[np.floating]

WORDS: Final = (
    *("red", "orange", "yellow", "green", "blue", "purple", "pink"),
    *("brown", "black", "white", "grey"),
)
_DISTANCE: Final = 0.12
"""How far a pixel must lie from the border's colour, in any channel of [0, 1], to belong to the thing."""
_SAMPLES: Final = 4096
_BANDS: Final = (
    (10, "red"),
    (17, None),
    (36, "orange"),
    (40, None),
    (62, "yellow"),
    (75, None),
    (165, "green"),
    (190, None),
    (235, "blue"),
    (255, None),
    (295, "purple"),
    (308, None),
    (343, "pink"),
    (348, None),
    (361, "red"),
)
"""Where each hue's word ends, degrees; None where people would disagree."""


def colour_of(pixels: Pixels) -> str | None:
    """Return the word for the thing in H × W × 3 uint8, None when no pixel differs from the border."""
    picture = pixels.astype(np.float32) / 255
    edges = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    thing = picture[np.abs(picture - np.median(edges, axis=0)).max(-1) > _DISTANCE]
    hsv = rgb_to_hsv(thing[:: max(1, len(thing) // _SAMPLES)])
    words = Counter(word for word in (word_of(*map(float, colour)) for colour in hsv) if word is not None)
    return words.most_common(1)[0][0] if words else None


def rgb_to_hsv(rgb: Floats) -> Floats:
    """Hue in degrees, saturation and value in [0,1]; same leading shape as `rgb`."""
    top, low = rgb.max(-1), rgb.min(-1)
    span = np.maximum(top - low, 1e-6)
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    hue = (
        np.where(top == r, (g - b) / span % 6, np.where(top == g, (b - r) / span + 2, (r - g) / span + 4))
        * 60
    )
    return np.stack([hue % 360, np.where(top > 1e-6, (top - low) / np.maximum(top, 1e-6), 0), top], -1)


def word_of(hue: float, sat: float, val: float) -> str | None:
    """The colour word of one HSV colour, None where people would disagree."""
    if val < 0.28:
        return "black"
    if sat < 0.12:
        return "white" if val > 0.88 else "grey" if 0.4 < val < 0.8 else None
    if sat < 0.3:
        return None
    if 10 <= hue < 42 and val < 0.68:
        return "brown"
    word = next(name for end, name in _BANDS if hue < end)
    if word == "red" and sat < 0.5:
        return "pink" if val > 0.8 else None
    return word
