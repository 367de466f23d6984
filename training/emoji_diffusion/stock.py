"""The things that training pictures are composed of: every kept emoji, drawn at the sizes the layouts need.

`build` renders them once into the work folder; `load` reads them back. It knows no captions and no layouts.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from training.emoji_diffusion.colours import TARGETS, dominant, recolour
from training.emoji_diffusion.render import Artwork, Emoji, read_emoji, render
from training.emoji_diffusion.vocabulary import label_weight

SIZES = (64, 44, 32, 30)
"""Whole picture, on a background, one of two, one of three; pixels."""


@dataclass(frozen=True)
class Thing:
    """One emoji with its drawings (premultiplied RGBA uint8 by size) and its colour facts.

    `weight` in (0, 1]: how often it is drawn; `colour`: its true dominant colour word or None; `hue` in
    degrees and `hue_share` in [0, 1]: the main hue and the part of the drawing near it.
    """

    emoji: Emoji
    weight: float
    sprites: dict[int, np.ndarray]
    colour: str | None
    hue: float
    hue_share: float

    @cached_property
    def paints(self) -> tuple[str, ...]:
        """The colour words it can be changed to; none where no main hue or no solid thing is."""
        if self.hue_share <= 0.4 or self.emoji.group not in (3, 4, 5, 6, 7) or self.weight < 0.15:
            return ()
        return tuple(target for target in TARGETS if target != self.colour)

    def sprite(self, size: int, paint: str | None = None) -> np.ndarray:
        """size x size x 4 float32 in [0, 1], premultiplied; in the colour `paint` where one is named."""
        sprite = self.sprites[size].astype(np.float32) / 255
        if paint is None:
            return sprite
        alpha = sprite[..., 3:]
        rgb = np.clip(sprite[..., :3] / np.maximum(alpha, 1e-3), 0, 1)
        return np.concatenate([recolour(rgb, self.hue, paint) * alpha, alpha], -1).astype(np.float32)


def build(packages: Path, work: Path, style: str = "fluent") -> int:
    """Renders every kept label into `stock.npz` and `stock.json`; returns their number."""
    art, sprites, facts = Artwork(packages, style), {size: [] for size in SIZES}, []
    for emoji in read_emoji(packages):
        weight, svg = label_weight(emoji.label, emoji.group), art.svg(emoji.key)
        if weight == 0 or svg is None:
            continue
        drawn = {size: render(svg, size) for size in SIZES}
        rgb = np.clip(drawn[64][..., :3] / np.maximum(drawn[64][..., 3:], 1e-3), 0, 1)
        colour, hue, share = dominant(rgb, drawn[64][..., 3])
        facts.append(
            {"emoji": asdict(emoji), "weight": weight, "colour": colour, "hue": hue, "hue_share": share}
        )
        for size, sprite in drawn.items():
            sprites[size].append((np.clip(sprite, 0, 1) * 255 + 0.5).astype(np.uint8))
    if not facts:
        raise ValueError(f"no drawing of the style {style} was found in {packages}")
    work.mkdir(parents=True, exist_ok=True)
    np.savez(work / "stock.npz", **{str(size): np.stack(rows) for size, rows in sprites.items()})
    (work / "stock.json").write_text(json.dumps(facts))
    return len(facts)


def load(work: Path) -> list[Thing]:
    """What `build` wrote."""
    with np.load(work / "stock.npz") as arrays:
        sprites = {size: arrays[str(size)] for size in SIZES}
    return [
        Thing(
            Emoji(**(row["emoji"] | {"tags": tuple(row["emoji"]["tags"])})),
            row["weight"],
            {size: sprites[size][place] for size in SIZES},
            row["colour"],
            row["hue"],
            row["hue_share"],
        )
        for place, row in enumerate(json.loads((work / "stock.json").read_text()))
    ]
