"""Builds the training set: pictures (N x 64 x 64 x 3 uint8), captions, and how often each is drawn.

`build` writes `pictures.npy` and `captions.json` into the work folder; the same seed gives the same set.
Shares of the kinds of picture are set in SHARES; within a kind the draw follows the labels' weights.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.emoji_diffusion import captions as words
from training.emoji_diffusion.colours import FLAT, TARGETS, dominant, recolour
from training.emoji_diffusion.render import Artwork, Emoji, over, read_emoji, render
from training.emoji_diffusion.vocabulary import label_weight

SIZE = 64
SHARES = {"single": 0.60, "recoloured": 0.22, "background": 0.07, "count": 0.04, "pair": 0.07}
"""Part of the draws each kind of picture gets."""
PAIRS = 7000


@dataclass(frozen=True)
class Thing:
    """One emoji with its drawings at full and reduced size and its colour facts."""

    emoji: Emoji
    weight: float
    sprites: dict[int, np.ndarray]
    colour: str | None
    hue: float
    hue_share: float


class _Set:
    def __init__(self) -> None:
        self.pictures: list[np.ndarray] = []
        self.rows: list[dict[str, object]] = []

    def add(self, kind: str, picture: np.ndarray, captions: list[str], weight: float, label: str) -> None:
        index = len(self.pictures)
        self.pictures.append((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
        for caption in captions:
            self.rows.append(
                {
                    "picture": index,
                    "caption": caption,
                    "kind": kind,
                    "weight": weight / len(captions),
                    "label": label,
                }
            )


def load_things(packages: Path, style: str) -> list[Thing]:
    """Every label that is kept, rendered at the sizes the layouts need."""
    art, out = Artwork(packages, style), []
    for emoji in read_emoji(packages):
        weight, svg = label_weight(emoji.label, emoji.group), art.svg(emoji.key)
        if weight == 0 or svg is None:
            continue
        sprites = {size: render(svg, size) for size in (64, 44, 32, 30)}
        full = sprites[64]
        rgb = full[..., :3] / np.maximum(full[..., 3:], 1e-3)
        out.append(Thing(emoji, weight, sprites, *dominant(np.clip(rgb, 0, 1), full[..., 3])))
    return out


def build(packages: Path, work: Path, seed: int = 7, styles: tuple[str, ...] = ("fluent",)) -> int:
    """Writes the set and returns its number of captions."""
    rng, data = random.Random(seed), _Set()
    for style in styles:
        things = load_things(packages, style)
        _singles(data, things)
        _recoloured(data, things)
        _backgrounds(data, things, rng)
        _counts(data, things, rng)
        _pairs(data, things, rng)
    total = {kind: sum(float(str(r["weight"])) for r in data.rows if r["kind"] == kind) for kind in SHARES}
    for row in data.rows:
        kind = str(row["kind"])
        row["weight"] = float(str(row["weight"])) / total[kind] * SHARES[kind]
    work.mkdir(parents=True, exist_ok=True)
    np.save(work / "pictures.npy", np.stack(data.pictures))
    (work / "captions.json").write_text(json.dumps(data.rows))
    return len(data.rows)


def _canvas(colour: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.float32) / 255, (SIZE, SIZE, 3)).copy()


def _paint(sprite: np.ndarray, target: str, hue: float) -> np.ndarray:
    alpha = sprite[..., 3:]
    rgb = np.clip(sprite[..., :3] / np.maximum(alpha, 1e-3), 0, 1)
    return np.concatenate([recolour(rgb, hue, target) * alpha, alpha], -1).astype(np.float32)


def _singles(data: _Set, things: list[Thing]) -> None:
    for thing in things:
        canvas = _canvas()
        over(canvas, thing.sprites[64], 0, 0)
        tags = (
            words.clean_tags(thing.emoji.label, list(thing.emoji.tags))
            if thing.emoji.group in (3, 4, 5)
            else []
        )
        data.add(
            "single",
            canvas,
            words.single_captions(thing.emoji.label, tags, thing.colour),
            thing.weight,
            thing.emoji.label,
        )


def _can_recolour(thing: Thing) -> bool:
    return thing.hue_share > 0.4 and thing.emoji.group in (3, 4, 5, 6, 7) and thing.weight >= 0.15


def _recoloured(data: _Set, things: list[Thing]) -> None:
    for thing in filter(_can_recolour, things):
        name = words.plain_name(thing.emoji.label)
        for target in TARGETS:
            if target == thing.colour:
                continue
            canvas = _canvas()
            over(canvas, _paint(thing.sprites[64], target, thing.hue), 0, 0)
            phrase = words.with_article(f"{target} {name}")
            rare = 0.4 if target in ("brown", "white", "grey") else 1.0
            data.add(
                "recoloured",
                canvas,
                [phrase, f"a picture of {phrase}"],
                thing.weight**2 * rare,
                thing.emoji.label,
            )


def _backgrounds(data: _Set, things: list[Thing], rng: random.Random) -> None:
    for thing in things:
        if thing.weight < 1:
            continue
        phrase = words.with_article(words.names(thing.emoji.label)[0])
        for colour in rng.sample(sorted(FLAT), 4):
            canvas = _canvas(FLAT[colour])
            if rng.random() < 0.4:
                canvas = _canvas()
                canvas[2:62, 2:62] = np.array(FLAT[colour], np.float32) / 255
                caption = f"{phrase} on {words.with_article(colour)} square"
            else:
                caption = f"{phrase} on {words.with_article(colour)} background"
            over(canvas, thing.sprites[44], 10, 10)
            data.add("background", canvas, [caption], 1.0, thing.emoji.label)


def _counts(data: _Set, things: list[Thing], rng: random.Random) -> None:
    for thing in things:
        name = words.names(thing.emoji.label)[0]
        many = words.plural(name)
        if thing.weight < 1 or many is None or thing.emoji.group in (0, 1, 8):
            continue
        for number in (2, 3):
            colour = thing.colour if thing.colour and thing.colour not in name else None
            colours = (
                [""]
                + ([colour] if colour else [])
                + ([rng.choice(TARGETS[:7])] if _can_recolour(thing) else [])
            )
            for word in colours:
                size = 32 if number == 2 else 30
                sprite = thing.sprites[size]
                if word and word != thing.colour:
                    sprite = _paint(sprite, word, thing.hue)
                canvas = _canvas()
                for left, top in [(0, 16), (32, 16)] if number == 2 else [(17, 1), (1, 33), (33, 33)]:
                    over(canvas, sprite, left, top)
                plain = (
                    many
                    if not word or word == thing.colour
                    else words.plural(words.plain_name(thing.emoji.label)) or many
                )
                data.add(
                    "count",
                    canvas,
                    [f"{words.NUMBERS[number]} {word} {plain}".replace("  ", " ")],
                    1.0,
                    thing.emoji.label,
                )


def _pairs(data: _Set, things: list[Thing], rng: random.Random) -> None:
    core = [t for t in things if t.weight == 1 and t.emoji.group not in (1, 8)]
    for _ in range(PAIRS):
        first, second = rng.sample(core, 2)
        phrases, sprites = [], []
        for thing in (first, second):
            name, sprite = words.names(thing.emoji.label)[0], thing.sprites[32]
            if _can_recolour(thing) and rng.random() < 0.15:
                target = rng.choice(TARGETS[:7])
                name, sprite = (
                    f"{target} {words.plain_name(thing.emoji.label)}",
                    _paint(sprite, target, thing.hue),
                )
            phrases.append(words.with_article(name))
            sprites.append(sprite)
        canvas = _canvas()
        layout = rng.random()
        spots = [(16, 0), (16, 32)] if layout < 0.15 else [(0, 16), (32, 16)]
        link = "above" if layout < 0.15 else "next to" if layout < 0.4 else "and"
        for sprite, (left, top) in zip(sprites, spots, strict=True):
            over(canvas, sprite, left, top)
        data.add(
            "pair",
            canvas,
            [f"{phrases[0]} {link} {phrases[1]}"],
            1.0,
            f"{first.emoji.label}|{second.emoji.label}",
        )
