"""Does the picture show the prompt? The whole run on one screen.

Duty: draw every row, have the judge name what is seen, and count. Beside the generator stand real artwork
drawn as the prompts ask (what a perfect generator would reach under this judge) and the generator's own
pictures asked for another prompt's things (what chance reaches). It judges no safety and records nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from classifiers.image.drawing_labels import DrawingLabels
from classifiers.protocol import Pixels
from gateway.audit.record import new_id
from gateway.core.errors import ConfigurationError, GatewayError
from gateway.core.ports import Generated, GenerationRequest, ImageGenerator, ModelIdentity, Picture
from gateway.evaluation.artwork import Artwork
from gateway.evaluation.asked import KINDS, Asked, Kind, check_names
from gateway.evaluation.colour_words import colour_of
from gateway.evaluation.metrics import Rate
from gateway.evaluation.text import OnStep
from gateway.evaluation.windows import TOP, Probabilities, both_found, found, top, windows
from gateway.imaging.decode import ImageRefused, decode_blocking

TOGETHER: Final = 4
"""How many pictures are asked for at once."""
_TIMEOUT_S: Final = 3600.0
CHANCE: Final = "another prompt's things"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the judge made of one picture, whatever was asked for."""

    whole: Probabilities
    parts: Probabilities
    colour: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """One picture against one row.

    `first`: the thing is the likeliest; `among`: it is among the likeliest five. Of a composed row both say
    that both things are found, and `things` which of them. `colour` is None where none is asked.
    """

    row: Asked
    first: bool
    among: bool
    colour: bool | None
    things: tuple[bool, ...]

    @property
    def right(self) -> bool:
        """What the row's kind is counted by."""
        if self.row.kind == "colour":
            return bool(self.colour)
        return self.among


@dataclass(frozen=True, slots=True)
class Column:
    """One source of pictures, its answers in the order of the rows that it has, and its rates by name."""

    name: str
    answers: tuple[Answer, ...]
    rates: Mapping[str, Rate]


@dataclass(frozen=True, slots=True)
class Shown:
    """One run: the generator first, then artwork, then chance. `pictures` are the generator's, small."""

    generator: ModelIdentity
    judge: str
    names: int
    seed: int
    rows: tuple[Asked, ...]
    columns: tuple[Column, ...]
    pictures: tuple[Pixels, ...]


async def evaluate_shown(  # noqa: PLR0917  # the parts of one run
    generator: ImageGenerator,
    judge: DrawingLabels,
    rows: Sequence[Asked],
    artwork: Sequence[Artwork] = (),
    seed: int = 0,
    on_step: OnStep = lambda _what, _done: None,
) -> Shown:
    """Return the figures; the i-th row is drawn with seed `seed` + i.

    Raises:
        ConfigurationError: the judge lacks a name, the generator can't draw, or artwork lacks every row.
    """
    check_names(rows, judge.names)
    place = {name: at for at, name in enumerate(judge.names)}
    seen: list[Seen] = []
    small: list[Pixels] = []
    on_step("loading the generator", 0)
    async for pixels in _drawn(generator, rows, seed):
        seen.append(await asyncio.to_thread(_look, judge, pixels, rows[len(seen)].kind))
        small.append(np.ascontiguousarray(pixels[:: max(1, len(pixels) // 96), :: max(1, len(pixels) // 96)]))
        on_step("pictures", 1)
    columns = [_column(generator.card.name, list(zip(rows, seen, strict=True)), place)]
    for each in artwork:
        on_step(f"artwork {each.name}", 0)
        columns.append(_column(each.name, _of_artwork(each, judge, rows), place))
    others = ((_other(rows, at), one) for at, one in enumerate(seen))
    columns.append(_column(CHANCE, [(other, one) for other, one in others if other is not None], place))
    return Shown(
        generator.card.identity,
        judge.revision,
        len(judge.names),
        seed,
        tuple(rows),
        tuple(columns),
        tuple(small),
    )


async def _drawn(generator: ImageGenerator, rows: Sequence[Asked], seed: int) -> AsyncIterator[Pixels]:
    try:
        await generator.start()
        for start in range(0, len(rows), TOGETHER):
            some = rows[start : start + TOGETHER]
            work = (_one(generator, row.prompt, seed + start + at) for at, row in enumerate(some))
            for pixels in await asyncio.gather(*work):
                yield pixels
    except GatewayError as error:
        raise ConfigurationError(f"the generator can't draw: {error.message}") from error
    except ImageRefused as error:
        raise ConfigurationError(f"the generator sent no picture: {error.reason}") from error
    finally:
        await generator.close()


async def _one(generator: ImageGenerator, prompt: str, seed: int) -> Pixels:
    width, height = generator.card.default_size
    request = GenerationRequest(new_id(), prompt, None, width, height, (seed,), timeout_s=_TIMEOUT_S)
    pictures: Sequence[Picture] = ()
    async for event in generator.generate(request):
        if isinstance(event, Generated):
            pictures = event.pictures
    (picture,) = pictures
    pixels = picture.pixels if picture.pixels is not None else decode_blocking(picture.encoded or b"")
    side = min(pixels.shape[:2])
    left, above = (pixels.shape[1] - side) // 2, (pixels.shape[0] - side) // 2
    return np.ascontiguousarray(pixels[above : above + side, left : left + side])


def _look(judge: DrawingLabels, pixels: Pixels, kind: Kind) -> Seen:
    several = kind == "composed"
    seen = judge.probabilities([pixels, *(windows(pixels) if several else ())])
    return Seen(seen[0], seen[1:], colour_of(pixels) if kind == "colour" else None)


def _of_artwork(artwork: Artwork, judge: DrawingLabels, rows: Sequence[Asked]) -> list[tuple[Asked, Seen]]:
    told = []
    for row in rows:
        picture = artwork.picture(row)
        if picture is not None:
            told.append((row, _look(judge, picture, row.kind)))
    if not told:
        raise ConfigurationError(f"--artwork {artwork.name}: it has no drawing of any prompt's thing")
    return told


def _other(rows: Sequence[Asked], at: int) -> Asked | None:
    """The next row of the same kind that shares no thing and no colour; None when there is none."""
    row = rows[at]
    for other in (*rows[at + 1 :], *rows[:at]):
        paints = {thing.paint for thing in row.things} & {thing.paint for thing in other.things} - {None}
        if other.kind == row.kind and not set(other.labels) & set(row.labels) and not paints:
            return other
    return None


def _column(name: str, asked: Sequence[tuple[Asked, Seen]], place: Mapping[str, int]) -> Column:
    """`asked`: what is looked for, and what the judge saw."""
    answers = tuple(
        _answer(wanted, seen, [place[label] for label in wanted.labels]) for wanted, seen in asked
    )
    told: dict[str, Rate] = {}
    of: Callable[[Kind], list[Answer]] = lambda kind: [one for one in answers if one.row.kind == kind]  # noqa: E731
    for row_name, kind, hit in _COUNTED:
        told[row_name] = Rate.of(hit(one) for one in of(kind))
    told["composed: of its things, found"] = Rate.of(hit for one in of("composed") for hit in one.things)
    for part in dict.fromkeys(one.row.slice for one in of("label") if one.row.slice):
        told[f"label: among the five, {part}"] = Rate.of(
            one.among for one in of("label") if one.row.slice == part
        )
    for link in dict.fromkeys(one.row.link for one in of("composed")):
        told[f"composed: both found, {link!r}"] = Rate.of(
            one.among for one in of("composed") if one.row.link == link
        )
    return Column(name, answers, told)


_COUNTED: Final[tuple[tuple[str, Kind, Callable[[Answer], bool]], ...]] = (
    ("label: the likeliest name", "label", lambda one: one.first),
    ("label: among the five likeliest", "label", lambda one: one.among),
    ("colour: the asked one", "colour", lambda one: bool(one.colour)),
    ("colour: the thing among the five likeliest", "colour", lambda one: one.among),
    ("composed: both things found", "composed", lambda one: one.among),
)
assert set(KINDS) == {kind for _, kind, _ in _COUNTED}


def _answer(row: Asked, seen: Seen, places: Sequence[int]) -> Answer:
    if row.kind == "composed":
        both = both_found(seen.parts, places)
        things = tuple(bool(found(seen.parts, place)) for place in places)
        return Answer(row, both, both, None, things)
    (place,) = places
    likeliest = top(seen.whole, TOP)
    colour = seen.colour == row.things[0].paint if row.kind == "colour" else None
    return Answer(row, likeliest[0] == place, place in likeliest, colour, ())
