"""A scripted image generator, for tests of everything behind it.

Duty: do exactly what the script says, one entry a request, and fail loudly when it is used up. It passes the
same contract as the real backends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from classifiers.protocol import Pixels
from gateway.core.errors import GenerationFailed, StageTimeout
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

_SIDE = 8


@dataclass(frozen=True, slots=True)
class Draw:
    """Draw what the seeds say, or hand out `pictures` as they are, be it the wrong number of them."""

    pictures: tuple[Picture, ...] | None = None


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer; only the request's own time limit, or cancelling, ends it."""


@dataclass(frozen=True, slots=True)
class Silence:
    """End without pictures, as a broken backend might."""


ScriptEntry: TypeAlias = Draw | Hang | Silence | Exception


class ScriptUsedUp(AssertionError):
    """More requests came than the script foresees."""


class ScriptedGenerator:
    """Plays `script`, one entry per request, in the order of the requests.

    `steps` progress events of `step_s` seconds each come before the pictures. `requests` keeps what was
    asked, `steps_drawn` counts the steps of all requests, `closed` how often `close` was called.
    """

    def __init__(
        self,
        script: Iterable[ScriptEntry],
        *,
        name: str = "scripted",
        steps: int = 2,
        step_s: float = 0.0,
        card: GeneratorCard | None = None,
    ) -> None:
        self._script = deque(script)
        self._steps = steps
        self._step_s = step_s
        self._card = card or GeneratorCard(
            name=name,
            identity=ModelIdentity("generator", name, "1"),
            default_size=(64, 64),
            parameters=frozenset({"seed", "steps", "negative_prompt", "guidance_scale", "preview"}),
        )
        self.requests: list[GenerationRequest] = []
        self.steps_drawn = 0
        self.started = False
        self.closed = 0

    @property
    def card(self) -> GeneratorCard:
        """What this backend claims to do."""
        return self._card

    async def start(self) -> None:
        """Nothing to load."""
        self.started = True

    async def close(self) -> None:
        """Count; later requests fail."""
        self.closed += 1

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        """Play the next entry of the script.

        Raises:
            RequestInvalid, GenerationFailed, StageTimeout: as every backend.
            ScriptUsedUp: no entry is left.
            Exception: the one that the script holds.
        """
        check_request(self._card, request)
        self._check_open()
        self.requests.append(request)
        if not self._script:
            raise ScriptUsedUp(f"request {len(self.requests)} has no entry in the script")
        entry = self._script.popleft()
        deadline_s = asyncio.get_running_loop().time() + request.timeout_s
        steps = request.steps or self._steps
        for step in range(1, steps + 1):
            await _wait(self._step_s, deadline_s, request)
            self._check_open()
            self.steps_drawn += 1
            yield Progress(step, steps, self._previews(request, step, steps))
        if isinstance(entry, Exception):
            raise entry
        if isinstance(entry, Hang):
            await _wait(float("inf"), deadline_s, request)
        if isinstance(entry, Draw):
            yield Generated(drawn(request) if entry.pictures is None else entry.pictures)

    def _check_open(self) -> None:
        if self.closed:
            raise GenerationFailed("the image model is closed")

    def _previews(self, request: GenerationRequest, step: int, steps: int) -> tuple[Pixels, ...]:
        wanted = step < steps and step <= request.preview_count
        return tuple(_pixels(seed, _SIDE, _SIDE) for seed in request.seeds) if wanted else ()


def drawn(request: GenerationRequest) -> tuple[Picture, ...]:
    """The pictures that `Draw()` hands out: noise that depends on seed and size alone."""
    return tuple(Picture(pixels=_pixels(seed, request.width, request.height)) for seed in request.seeds)


def _pixels(seed: int, width: int, height: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


async def _wait(duration_s: float, deadline_s: float, request: GenerationRequest) -> None:
    """Sleep, but no longer than the request allows."""
    left_s = deadline_s - asyncio.get_running_loop().time()
    await asyncio.sleep(max(0.0, min(duration_s, left_s)))
    if duration_s > left_s:
        raise StageTimeout(f"the picture was not drawn within {request.timeout_s:g} s")
