"""Reads the artwork of every style into one table of sprites: N x 4 x 96 x 96 uint8, premultiplied RGBA.

`collect` writes `sprites-STYLE.npz` (pixels, and a label per row) into the work folder; a style that is there
already is not rendered again.
"""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from training.emoji_diffusion.render import Artwork, Emoji, as_svg, read_emoji, render
from training.picture_concepts import icons

DRAWN = ("fluent", "fluent-3d", "fluent-modelled", "fluent-line", "noto", "noto-v1", "fxemoji")
"""Emoji in styles that the network learns from: MIT (Fluent) and Apache-2.0."""
TRAINED = (*DRAWN, *icons.SETS)
"""Those, and sets of icons: MIT and Apache-2.0."""
VALIDATION = "emojione"
"""Never trained on; calibration and bands are set on it. CC-BY-4.0, not in the weights."""
TEST = "twemoji"
"""Never trained on and never tuned on; the card's figures. CC-BY-4.0, not in the weights."""
SIZE, FINE = 96, 2
MODELLED = "@lobehub/fluent-emoji-3d"
BY_NAME = {"fxemoji": "fxemoji", "emojione": "emojione"}
"""Packages with names and no table of characters."""
RENAMED = {
    "reversehandmiddlefinger": "middle finger",
    "blackskullcrossbones": "skull and crossbones",
    "shavedice": "shaved ice",
}
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
    work.mkdir(parents=True, exist_ok=True)
    pixels, styles, labels = [], [], []
    for style in (*TRAINED, VALIDATION, TEST):
        file = work / f"sprites-{style}.npz"
        if not file.exists():
            _write(packages, style, file)
        told = np.load(file)
        pixels.append(told["pixels"])
        labels += told["labels"].tolist()
        styles += [style] * len(told["labels"])
    return Sprites(np.concatenate(pixels), styles, labels)


def _write(packages: Path, style: str, file: Path) -> None:
    found = list(icons.drawings(packages, style) if style in icons.SETS else _emoji(packages, style))
    pixels = [(sprite.transpose(2, 0, 1) * 255 + 0.5).astype(np.uint8) for _, sprite in found]
    np.savez(file, pixels=np.stack(pixels), labels=np.array([label for label, _ in found]))
    print(f"{style}: {len(found)} drawings", flush=True)


def _emoji(packages: Path, style: str) -> Iterator[tuple[str, np.ndarray]]:
    emoji = [e for e in read_emoji(packages) if not e.label.startswith(_GENDERED)]
    if style in BY_NAME:
        yield from _named(packages, style, emoji)
        return
    emoji += _skin_tones(packages)
    if style == "fluent-modelled":
        yield from _modelled(packages, emoji)
        return
    art = Artwork(packages, style)
    for each in emoji:
        svg = art.svg(each.key)
        if svg is not None:
            yield each.label, render(svg, SIZE, FINE)


def _named(packages: Path, style: str, emoji: list[Emoji]) -> Iterator[tuple[str, np.ndarray]]:
    """Drawings whose package names them: by emojibase's label, Unicode's name, or Noto's."""
    label_of = {each.key: each.label for each in emoji}
    table = json.loads((packages / "@iconify-json/noto/chars.json").read_text())
    by_name = {_plain(name): label_of.get(_key(key)) for key, name in table.items()}
    for each in emoji:
        by_name[_plain(each.label)] = each.label
        if "-" not in each.key:
            by_name.setdefault(_plain(unicodedata.name(chr(int(each.key, 16)), "")), each.label)
    by_name |= RENAMED
    data = json.loads((packages / "@iconify-json" / BY_NAME[style] / "icons.json").read_text())
    for name, icon in data["icons"].items():
        label = by_name.get(_plain(name))
        if label is not None:
            yield label, render(as_svg(icon, data), SIZE, FINE)


def _modelled(packages: Path, emoji: list[Emoji]) -> Iterator[tuple[str, np.ndarray]]:
    """Fluent's drawings with light and shadow, as pictures."""
    files = {_key(file.stem): file for file in (packages / MODELLED / "assets").glob("*.webp")}
    for each in emoji:
        if each.key in files:
            picture = Image.open(io.BytesIO(files[each.key].read_bytes())).convert("RGBA")
            rgba = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS), np.float32) / 255
            yield each.label, np.concatenate([rgba[..., :3] * rgba[..., 3:], rgba[..., 3:]], -1)


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _key(hexcode: str) -> str:
    return "-".join(part for part in hexcode.lower().split("-") if part != "fe0f")


def _skin_tones(packages: Path) -> list[Emoji]:
    """Hands in every skin tone: a gesture is a gesture in any of them."""
    out = []
    for row in json.loads((packages / "emojibase-data/en/data.json").read_text()):
        if row.get("group") != 1 or not any(
            w in row["label"] for w in ("hand", "finger", "fist", "thumb", "index")
        ):
            continue
        for skin in row.get("skins", ()):
            out.append(Emoji(row["label"], 1, (), _key(skin["hexcode"])))
    return out
