"""The colour words of the training pictures; naming and changing colours is `gateway.evaluation`'s."""

from __future__ import annotations

from gateway.evaluation.colour_words import WORDS as TARGETS
from gateway.evaluation.recolour import dominant, recolour

__all__ = ["FLAT", "TARGETS", "dominant", "recolour"]

FLAT = {
    "red": (220, 50, 50),
    "orange": (250, 145, 50),
    "yellow": (250, 215, 70),
    "green": (80, 180, 90),
    "blue": (70, 140, 230),
    "purple": (150, 90, 210),
    "pink": (245, 150, 195),
    "grey": (160, 160, 165),
    "black": (25, 25, 28),
    "brown": (140, 90, 60),
    "light blue": (170, 215, 245),
}
"""Background paint of each colour word, 0..255 sRGB."""
