"""Reads the artwork of every style into one table of sprites: N x 4 x 96 x 96 uint8, premultiplied RGBA.

`collect` writes `sprites.npy` and `sprites.json` (style and label per row) into the work folder, once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.emoji_diffusion.render import Artwork, Emoji, read_emoji, render

TRAINED = ("fluent", "fluent-3d", "noto")
"""Styles that the network learns from: MIT, MIT, Apache-2.0."""
VALIDATION = "noto-v1"
"""Never trained on; calibration and bands are set on it. Apache-2.0."""
TEST = "twemoji"
"""Never trained on and never tuned on; the card's figures. CC-BY-4.0, not in the weights."""
SIZE = 96
_GENDERED = ("man ", "woman ", "men ", "women ", "man:", "woman:")


@dataclass(frozen=True)
class Sprites:
    """`pixels` N x 4 x 96 x 96 uint8, with a style and a label per row."""

    pixels: np.ndarray
    styles: list[str]
    labels: list[str]

    def rows(self, *styles: str) -> np.ndarray:
        """Row numbers of these styles."""
        return np.array([row for row, style in enumerate(self.styles) if style in styles])


def collect(packages: Path, work: Path) -> Sprites:
    """The sprites, rendered at the first call (some minutes) and read afterwards."""
    if not (work / "sprites.json").exists():
        _render_all(packages, work)
    told = json.loads((work / "sprites.json").read_text())
    return Sprites(np.load(work / "sprites.npy", mmap_mode="r"), told["styles"], told["labels"])


def _render_all(packages: Path, work: Path) -> None:
    emoji = [e for e in read_emoji(packages) if not e.label.startswith(_GENDERED)]
    emoji += _skin_tones(packages)
    pixels, styles, labels = [], [], []
    for style in (*TRAINED, VALIDATION, TEST):
        art = Artwork(packages, style)
        for each in emoji:
            svg = art.svg(each.key)
            if svg is None:
                continue
            sprite = render(svg, SIZE)
            pixels.append((sprite.transpose(2, 0, 1) * 255 + 0.5).astype(np.uint8))
            styles.append(style)
            labels.append(each.label)
        print(f"{style}: {styles.count(style)} drawings", flush=True)
    work.mkdir(parents=True, exist_ok=True)
    np.save(work / "sprites.npy", np.stack(pixels))
    (work / "sprites.json").write_text(json.dumps({"styles": styles, "labels": labels}))


def _skin_tones(packages: Path) -> list[Emoji]:
    """Hands in every skin tone: a gesture is a gesture in any of them."""
    out = []
    for row in json.loads((packages / "emojibase-data/en/data.json").read_text()):
        if row.get("group") != 1 or not any(
            w in row["label"] for w in ("hand", "finger", "fist", "thumb", "index")
        ):
            continue
        for skin in row.get("skins", ()):
            key = "-".join(part.lower() for part in skin["hexcode"].split("-") if part.upper() != "FE0F")
            out.append(Emoji(row["label"], 1, (), key))
    return out
