"""Emoji artwork from the npm packages, rendered to premultiplied RGBA arrays.

Knows SVG and files; no captions, no torch.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
from PIL import Image

STYLES = {
    "fluent": ("fluent-emoji-flat", "fluent-emoji-flat"),
    "fluent-3d": ("fluent-emoji", "fluent-emoji-flat"),
    "fluent-line": ("fluent-emoji-high-contrast", "fluent-emoji-flat"),
    "noto": ("noto", "noto"),
    "noto-v1": ("noto-v1", "noto"),
    "twemoji": ("twemoji", "twemoji"),
}
"""Style -> package with the drawings, package with the table from characters to names."""


@dataclass(frozen=True)
class Emoji:
    """One labelled emoji: label, group number, tags, and hexcode key (no variation selector)."""

    label: str
    group: int
    tags: tuple[str, ...]
    key: str


def read_emoji(packages: Path) -> list[Emoji]:
    """All emoji of emojibase-data without skin tones, genders, flags and components."""
    rows = json.loads((packages / "emojibase-data/en/data.json").read_text())
    out = []
    for row in rows:
        if row.get("group") in (0, 1, 3, 4, 5, 6, 7, 8):
            key = "-".join(part.lower() for part in row["hexcode"].split("-") if part.upper() != "FE0F")
            out.append(Emoji(row["label"], row["group"], tuple(row.get("tags", ())), key))
    return out


class Artwork:
    """One style's drawings by hexcode key."""

    def __init__(self, packages: Path, style: str) -> None:
        drawings, table = (packages / "@iconify-json" / name for name in STYLES[style])
        data = json.loads((drawings / "icons.json").read_text())
        chars = json.loads((table / "chars.json").read_text())
        self._by_key = {
            "-".join(p for p in key.lower().split("-") if p != "fe0f"): name for key, name in chars.items()
        }
        self._data, self._aliases = data, data.get("aliases", {})

    def svg(self, key: str) -> str | None:
        """The SVG text of an emoji, None when the style lacks it."""
        name = self._by_key.get(key)
        if name in self._aliases:
            name = self._aliases[name]["parent"]
        icon = self._data["icons"].get(name) if name else None
        return None if icon is None else as_svg(icon, self._data)


def as_svg(icon: dict[str, Any], data: dict[str, Any]) -> str:
    """The SVG text of one entry of a package's icons.json (`data`), in a square."""
    width, height = (icon.get(name, data.get(name, 16)) for name in ("width", "height"))
    side = max(width, height)
    left, top = icon.get("left", 0) - (side - width) / 2, icon.get("top", 0) - (side - height) / 2
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {spaces} viewBox="{left} {top} {side} {side}">{icon["body"]}</svg>'


def render(svg: str, size: int, fine: int = 4) -> np.ndarray:
    """`size` x `size` x 4 float32 in [0,1], colour premultiplied by alpha; `fine` times supersampled."""
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size * fine, height=size * fine))
    rgba = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), dtype=np.float32) / 255
    rgba = rgba.copy()
    rgba[..., :3] *= rgba[..., 3:]
    return rgba.reshape(size, fine, size, fine, 4).mean((1, 3))


def over(canvas: np.ndarray, sprite: np.ndarray, left: int, top: int) -> None:
    """Paints a premultiplied sprite over `canvas` (H x W x 3 float, changed in place)."""
    height, width = sprite.shape[:2]
    part = canvas[top : top + height, left : left + width]
    part *= 1 - sprite[..., 3:]
    part += sprite[..., :3]
