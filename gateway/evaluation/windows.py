"""Finding several things in one picture with a judge that names a single one.

Duty: a picture → windows at fixed places, and which names are found in them. A name is found in a window when
it is among the window's five likeliest and at least as likely as `THRESHOLD`; two things are both found when
each is, in two different windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from classifiers.protocol import Pixels

TOP: Final = 5
THRESHOLD: Final = 0.01
"""On composed artwork of a style that the judge never saw 3.4 % of absent things are found (at most 5 % were
wanted); a lower one changes nothing. See models/drawing-labels."""
_HALVES: Final = (0.0, 0.25, 0.5)
_THIRDS: Final = (0.0, 1 / 3)

Probabilities = npt.NDArray[np.float32]


def windows(pixels: Pixels) -> list[Pixels]:
    """Return 13 squares of a square picture: nine of half its side, four of two thirds."""
    side = min(pixels.shape[:2])
    half, most = side // 2, side * 2 // 3
    places = [(int(x * side), int(y * side), half) for y in _HALVES for x in _HALVES]
    places += [(int(x * side), int(y * side), most) for y in _THIRDS for x in _THIRDS]
    return [np.ascontiguousarray(pixels[y : y + size, x : x + size]) for x, y, size in places]


def top(row: Probabilities, count: int) -> list[int]:
    """Return the places of the likeliest names, the likeliest first."""
    return [int(place) for place in np.argsort(-row, kind="stable")[:count]]


def found(seen: Probabilities, place: int, threshold: float = THRESHOLD) -> frozenset[int]:
    """Return the windows in which the name is found; `seen` is windows × names."""
    return frozenset(at for at, row in enumerate(seen) if row[place] >= threshold and place in top(row, TOP))


def both_found(seen: Probabilities, places: Sequence[int], threshold: float = THRESHOLD) -> bool:
    """True when each of the two names is found, in two different windows."""
    first, second = (found(seen, place, threshold) for place in places)
    return bool(first and second) and len(first | second) > 1
