"""A drawing in another colour: its main hue moved to that of a colour word.

Duty: arrays only. Used to compose training pictures, and to show real artwork in the colours that
`imagegate eval images` asks for. RGB is H × W × 3 float in [0,1], alpha H × W in [0,1].
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gateway.evaluation.colour_words import Floats, rgb_to_hsv, word_of

HUES: Final = {
    "red": 0.0,
    "orange": 28.0,
    "yellow": 48.0,
    "green": 125.0,
    "blue": 212.0,
    "purple": 272.0,
    "pink": 330.0,
}
"""Target hue of each colour word, degrees."""


def hsv_to_rgb(hsv: Floats) -> Floats:
    """The inverse of `rgb_to_hsv`."""
    hue, sat, val = hsv[..., 0] / 60, hsv[..., 1], hsv[..., 2]
    out = []
    for n in (5, 3, 1):
        k = (n + hue) % 6
        out.append(val - val * sat * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.stack(out, -1)


def dominant(rgb: Floats, alpha: Floats) -> tuple[str | None, float, float]:
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


def recolour(rgb: Floats, hue: float, target: str) -> Floats:
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
    painted: Floats = rgb * (1 - part) + hsv_to_rgb(new) * part
    return painted
