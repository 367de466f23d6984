"""Real emoji artwork, drawn as a prompt asks for it: what a perfect generator would give.

Duty: an npm package `@iconify-json/…` → a picture for a row of prompts, by the emoji's code points. It needs
resvg-py. One thing fills the picture; two stand side by side or one above the other, at half the side.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from classifiers.protocol import Pixels
from gateway.core.errors import ConfigurationError
from gateway.evaluation.asked import Asked, Thing
from gateway.evaluation.colour_words import Floats
from gateway.evaluation.recolour import dominant, recolour

SIDE: Final = 512
_PLACES: Final[Mapping[str, tuple[tuple[float, float], tuple[float, float]]]] = {
    "and": ((0, 0.25), (0.5, 0.25)),
    "next to": ((0, 0.25), (0.5, 0.25)),
    "above": ((0.25, 0), (0.25, 0.5)),
    "below": ((0.25, 0.5), (0.25, 0)),
}
"""Left and top of each thing, in parts of the side."""


class Artwork:
    """The drawings of one package."""

    def __init__(self, folder: Path) -> None:
        """Read the package.

        Raises:
            ConfigurationError: no such package, or the library that draws SVG is missing.
        """
        require_svg("--artwork")
        self.name = folder.name
        try:
            self._package = json.loads((folder / "icons.json").read_text("utf-8"))
            chars = json.loads((folder / "chars.json").read_text("utf-8"))
            self._icons = {_plain(key): str(name) for key, name in chars.items()}
        except (OSError, ValueError, AttributeError) as error:
            raise ConfigurationError(
                f"--artwork {folder}: no icons.json and chars.json of an npm package @iconify-json/…; give "
                "that package's folder"
            ) from error

    def picture(self, row: Asked, side: int = SIDE) -> Pixels | None:
        """Return the row's things on white, side × side × 3 uint8; None when the package lacks one."""
        canvas = np.ones((side, side, 3), np.float32)
        single = len(row.things) == 1
        size = side if single else side // 2
        for place, thing in enumerate(row.things):
            sprite = self._sprite(thing, size)
            if sprite is None:
                return None
            left, top = (0, 0) if single else (int(part * side) for part in _PLACES[row.link][place])
            under = canvas[top : top + size, left : left + size]
            alpha = sprite[..., 3:]
            under[:] = under * (1 - alpha) + sprite[..., :3] * alpha
        return (canvas * 255).round().astype(np.uint8)

    def _sprite(self, thing: Thing, size: int) -> Floats | None:
        """Size × size × 4 in [0, 1], not multiplied by alpha, in the colour that is asked."""
        name = self._icons.get(_plain(thing.emoji))
        name = self._package.get("aliases", {}).get(name, {}).get("parent", name)
        icon = self._package["icons"].get(name)
        if icon is None:
            return None
        with rendered(svg_of(self._package, icon), size) as image:
            sprite = np.asarray(image, dtype=np.float32) / 255
        if thing.paint is None:
            return sprite
        word, hue, _share = dominant(sprite[..., :3], sprite[..., 3])
        if word == thing.paint:
            return sprite
        return np.concatenate([recolour(sprite[..., :3], hue, thing.paint), sprite[..., 3:]], -1)


def require_svg(option: str) -> None:
    """Return when resvg-py is there.

    Raises:
        ConfigurationError: it is missing; the message names the option that needs it.
    """
    if find_spec("resvg_py") is None:
        raise ConfigurationError(f"{option} needs resvg-py to draw SVG; pip install 'imagegate[training]'")


def svg_of(package: Mapping[str, Any], icon: Mapping[str, Any]) -> str:
    """Return an icon of a package's icons.json as a whole SVG."""
    width, height = (icon.get(side, package.get(side, 16)) for side in ("width", "height"))
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {spaces} viewBox="0 0 {width} {height}">{icon["body"]}</svg>'


def rendered(svg: str, side: int) -> Image.Image:
    """Return an SVG drawn at side × side, RGBA."""
    import resvg_py

    drawn = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side))
    with Image.open(io.BytesIO(drawn)) as image:
        whole = Image.new("RGBA", (side, side))
        whole.paste(image.convert("RGBA"), ((side - image.width) // 2, (side - image.height) // 2))
    return whole


def _plain(key: str) -> str:
    """Code points as lower-case hex with dashes, without the variation selector."""
    return "-".join(part for part in key.lower().split("-") if part != "fe0f")
