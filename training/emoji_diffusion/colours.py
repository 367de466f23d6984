"""Colour words for pictures: naming the dominant colour, and recolouring to a named one.

Works on RGB arrays only (H x W x 3 float in [0,1] with an H x W alpha in [0,1]).
"""

from __future__ import annotations

import numpy as np

HUES = {
    "red": 0.0,
    "orange": 28.0,
    "yellow": 48.0,
    "green": 125.0,
    "blue": 212.0,
    "purple": 272.0,
    "pink": 330.0,
}
"""Target hue of each colour word, degrees."""

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

TARGETS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")


def rgb_to_hsv(rgb: np.ndarray) -> np.ndarray:
    """Hue in degrees, saturation and value in [0,1]; same leading shape as `rgb`."""
    top, low = rgb.max(-1), rgb.min(-1)
    span = np.maximum(top - low, 1e-6)
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    hue = (
        np.where(top == r, (g - b) / span % 6, np.where(top == g, (b - r) / span + 2, (r - g) / span + 4))
        * 60
    )
    return np.stack([hue % 360, np.where(top > 1e-6, (top - low) / np.maximum(top, 1e-6), 0), top], -1)


def hsv_to_rgb(hsv: np.ndarray) -> np.ndarray:
    """The inverse of `rgb_to_hsv`."""
    hue, sat, val = hsv[..., 0] / 60, hsv[..., 1], hsv[..., 2]
    out = []
    for n in (5, 3, 1):
        k = (n + hue) % 6
        out.append(val - val * sat * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.stack(out, -1)


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
    bands = (
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
    word = next(name for end, name in bands if hue < end)
    if word == "red" and sat < 0.5:
        return "pink" if val > 0.8 else None
    return word


def dominant(rgb: np.ndarray, alpha: np.ndarray) -> tuple[str | None, float, float]:
    """(colour word or None, dominant hue in degrees, share of the saturated picture near that hue)."""
    hsv = rgb_to_hsv(rgb)[alpha > 0.5]
    if len(hsv) == 0:
        return None, 0.0, 0.0
    words: dict[str | None, int] = {}
    for h, s, v in hsv[:: max(1, len(hsv) // 600)]:
        word = word_of(h, s, v)
        words[word] = words.get(word, 0) + 1
    best = max(words, key=lambda w: words[w])
    share = words[best] / sum(words.values())
    colourful = hsv[(hsv[:, 1] > 0.25) & (hsv[:, 2] > 0.2)]
    if len(colourful) < 0.2 * len(hsv):
        return (best if share > 0.62 else None), 0.0, 0.0
    bins = np.bincount((colourful[:, 0] // 10).astype(int) % 36, minlength=36)
    peak = int((bins + np.roll(bins, 1) + np.roll(bins, -1)).argmax())
    near = np.abs((colourful[:, 0] - (peak * 10 + 5) + 180) % 360 - 180) < 30
    return (
        (best if share > 0.62 else None),
        float(np.median((colourful[near][:, 0] - peak * 10 + 180) % 360 - 180 + peak * 10) % 360),
        float(near.sum() / len(hsv)),
    )


def recolour(rgb: np.ndarray, hue: float, target: str) -> np.ndarray:
    """`rgb` with the pixels near `hue` moved to the colour word `target`; the other pixels stay."""
    hsv = rgb_to_hsv(rgb)
    far = np.abs((hsv[..., 0] - hue + 180) % 360 - 180)
    part = (np.clip((55 - far) / 15, 0, 1) * np.clip((hsv[..., 1] - 0.08) / 0.1, 0, 1))[..., None]
    new = hsv.copy()
    h, s, v = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    ref_v = float(np.median(v[part[..., 0] > 0.5])) if (part > 0.5).any() else 0.8
    lift = np.clip(v / max(ref_v, 0.05), 0, 1.6)
    spread = ((h - hue + 180) % 360 - 180) * 0.35
    if target in HUES:
        level = {
            "yellow": 0.98,
            "orange": 0.97,
            "red": 0.88,
            "pink": 0.97,
            "green": 0.70,
            "blue": 0.88,
            "purple": 0.78,
        }[target]
        new[..., 0] = (HUES[target] + spread) % 360
        new[..., 1] = np.clip(s * 1.05, 0.3, 0.5) if target == "pink" else np.clip(s * 1.1, 0.5, 0.95)
        new[..., 2] = np.clip(level * (0.45 + 0.55 * lift), 0, 1)
    elif target == "brown":
        new[..., 0], new[..., 1], new[..., 2] = (
            24.0,
            np.clip(s, 0.45, 0.65),
            np.clip(0.52 * (0.4 + 0.6 * lift), 0, 0.66),
        )
    else:
        level = {"black": 0.17, "grey": 0.62, "white": 0.96}[target]
        new[..., 1], new[..., 2] = 0.03, np.clip(level * (0.6 + 0.4 * lift), 0, 1)
    return rgb * (1 - part) + hsv_to_rgb(new) * part
