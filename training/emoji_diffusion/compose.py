"""Composes training pictures with their captions while training runs, so that no combination comes twice.

Five kinds of picture: one thing, one in another colour, one on a coloured ground, two or three of one, and
two different things, side by side or one above the other. The same random source gives the same pictures.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from training.emoji_diffusion import captions as words
from training.emoji_diffusion.colours import FLAT, TARGETS
from training.emoji_diffusion.render import over
from training.emoji_diffusion.stock import Thing

SIZE = 64
SHARES = {"single": 0.34, "recoloured": 0.20, "background": 0.09, "count": 0.07, "pair": 0.30}
"""Part of the pictures each kind gets."""
PAIR_PAINTED = 0.3
"""Part of the things in pairs that are drawn in another colour, where they can be."""
PAIR_LINKS = {"and": 0.5, "next to": 0.22, "with": 0.1, "above": 0.1, "below": 0.08}
RARE_PAINTS = {"brown": 0.4, "white": 0.4, "grey": 0.4}
"""Colours that are asked for less often."""


@dataclass(frozen=True)
class Drawn:
    """One training picture: 64 x 64 x 3 uint8, its caption, and which kind it is."""

    picture: np.ndarray
    caption: str
    kind: str


class Composer:
    """Draws training pictures of `things`."""

    def __init__(self, things: list[Thing]) -> None:
        self._things = things
        self._all = list(accumulate(thing.weight for thing in things))
        self._paintable = [thing for thing in things if thing.paints]
        self._painted = list(accumulate(thing.weight**2 for thing in self._paintable))
        core = [thing for thing in things if thing.weight == 1]
        self._grounded = core
        self._paired = [thing for thing in core if thing.emoji.group not in (1, 8)]
        self._counted = [
            thing
            for thing in core
            if thing.emoji.group not in (0, 1, 8) and words.plural(words.names(thing.emoji.label)[0])
        ]
        self._singles: dict[str, list[str]] = {}

    def draw(self, source: random.Random) -> Drawn:
        """One picture of a random kind."""
        kind = source.choices(list(SHARES), list(SHARES.values()))[0]
        picture, caption = getattr(self, f"_{kind}")(source)
        return Drawn((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8), caption, kind)

    def _single(self, source: random.Random) -> tuple[np.ndarray, str]:
        thing = source.choices(self._things, cum_weights=self._all)[0]
        label = thing.emoji.label
        if label not in self._singles:
            tags = words.clean_tags(label, list(thing.emoji.tags)) if thing.emoji.group in (3, 4, 5) else []
            self._singles[label] = words.single_captions(label, tags, thing.colour)
        canvas = _canvas()
        over(canvas, thing.sprite(64), 0, 0)
        return canvas, source.choice(self._singles[label])

    def _recoloured(self, source: random.Random) -> tuple[np.ndarray, str]:
        thing = source.choices(self._paintable, cum_weights=self._painted)[0]
        paint = _paint(thing, source)
        canvas = _canvas()
        over(canvas, thing.sprite(64, paint), 0, 0)
        phrase = words.with_article(f"{paint} {words.plain_name(thing.emoji.label)}")
        return canvas, source.choice((phrase, phrase, f"a picture of {phrase}"))

    def _background(self, source: random.Random) -> tuple[np.ndarray, str]:
        thing = source.choice(self._grounded)
        phrase, sprite = _named(thing, 44, source, 0.25)
        ground = source.choice(sorted(FLAT))
        canvas = _canvas(FLAT[ground])
        where = f"on {words.with_article(ground)} background"
        if source.random() < 0.4:
            canvas = _canvas()
            canvas[2:62, 2:62] = np.array(FLAT[ground], np.float32) / 255
            where = f"on {words.with_article(ground)} square"
        over(canvas, sprite, 10, 10)
        return canvas, f"{phrase} {where}"

    def _count(self, source: random.Random) -> tuple[np.ndarray, str]:
        thing, number = source.choice(self._counted), source.choice((2, 2, 3))
        name, paint = words.names(thing.emoji.label)[0], None
        if thing.paints and source.random() < 0.35:
            paint = _paint(thing, source)
            name = f"{paint} {words.plain_name(thing.emoji.label)}"
        elif thing.colour and thing.colour not in name and source.random() < 0.3:
            name = f"{thing.colour} {name}"
        sprite, canvas = thing.sprite(32 if number == 2 else 30, paint), _canvas()
        for left, top in [(0, 16), (32, 16)] if number == 2 else [(17, 1), (1, 33), (33, 33)]:
            over(canvas, sprite, left, top)
        return canvas, f"{words.NUMBERS[number]} {words.plural(name) or name}"

    def _pair(self, source: random.Random) -> tuple[np.ndarray, str]:
        parts = [_named(thing, 32, source, PAIR_PAINTED) for thing in source.sample(self._paired, 2)]
        link = source.choices(list(PAIR_LINKS), list(PAIR_LINKS.values()))[0]
        spots = {"above": [(16, 0), (16, 32)], "below": [(16, 32), (16, 0)]}.get(link, [(0, 16), (32, 16)])
        canvas = _canvas()
        for (_, sprite), (left, top) in zip(parts, spots, strict=True):
            over(canvas, sprite, left, top)
        return canvas, f"{parts[0][0]} {link} {parts[1][0]}"


def _canvas(colour: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.float32) / 255, (SIZE, SIZE, 3)).copy()


def _paint(thing: Thing, source: random.Random) -> str:
    return source.choices(thing.paints, [RARE_PAINTS.get(paint, 1.0) for paint in thing.paints])[0]


def _named(thing: Thing, size: int, source: random.Random, painted: float) -> tuple[str, np.ndarray]:
    """A phrase for the thing and its drawing, in another colour with the chance `painted`."""
    if thing.paints and source.random() < painted:
        paint = source.choice([paint for paint in thing.paints if paint in TARGETS[:7]])
        return words.with_article(f"{paint} {words.plain_name(thing.emoji.label)}"), thing.sprite(size, paint)
    return words.with_article(words.names(thing.emoji.label)[0]), thing.sprite(size)
