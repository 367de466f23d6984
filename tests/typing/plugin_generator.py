"""An image backend as somebody else would write it: one colour a seed, no model.

[project.entry-points."imagegate.generators"]
plain = "plain:PlainGenerator.from_options"
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import numpy as np

from classifiers.protocol import Pixels
from gateway.core.errors import ConfigurationError, GenerationFailed, StageTimeout
from gateway.core.ports import (
    Generated,
    GenerationEvent,
    GenerationRequest,
    GeneratorCard,
    ModelIdentity,
    Picture,
    Progress,
)
from gateway.generation.checks import check_request

STEPS = 2


class PlainGenerator:
    """Draws areas of one colour. It never judges, and never encodes for the client."""

    def __init__(self, name: str, step_s: float = 0.0) -> None:
        self._card = GeneratorCard(
            name=name,
            identity=ModelIdentity("generator", "plain", "1"),
            default_size=(64, 64),
            parameters=frozenset({"seed", "steps"}),
        )
        self._step_s = step_s
        self._closed = False
        self.steps_drawn = 0

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> PlainGenerator:
        """Return the backend that the settings describe.

        Raises:
            ConfigurationError: an option is given; it takes none.
        """
        if options:
            raise ConfigurationError(f"generator {name!r} takes no options; leave {sorted(options)} out")
        return cls(name)

    @property
    def card(self) -> GeneratorCard:
        """What it can do; requests are checked against it before it runs."""
        return self._card

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Refuse later requests, and end those that wait."""
        self._closed = True

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        """Yield the progress of each step, then all pictures at once.

        Raises:
            RequestInvalid: what the card does not allow.
            GenerationFailed: closed.
            StageTimeout: the request's time ran out.
        """
        check_request(self._card, request)
        ends_at = asyncio.get_running_loop().time() + request.timeout_s
        steps = request.steps or STEPS
        for step in range(1, steps + 1):
            if self._closed:
                raise GenerationFailed("the image backend is closed")
            left_s = ends_at - asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, min(self._step_s, left_s)))
            if self._step_s > left_s:
                raise StageTimeout(f"the picture was not drawn within {request.timeout_s:g} s")
            self.steps_drawn += 1
            yield Progress(step, steps)
        if self._closed:
            raise GenerationFailed("the image backend is closed")
        pixels = (_plain(seed, request.width, request.height) for seed in request.seeds)
        yield Generated(tuple(Picture(pixels=one) for one in pixels))


def _plain(seed: int, width: int, height: int) -> Pixels:
    colour = np.random.default_rng(seed).integers(0, 256, 3, dtype=np.uint8)
    return np.broadcast_to(colour, (height, width, 3)).copy()
