"""One waiting generation: the bridge between the event loop that asks and the thread that draws.

Duty: carry events from the worker's thread to the asker's loop, and the asker's loss of interest back. It
knows no model library and no queue.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Literal

from classifiers.protocol import Pixels
from gateway.core.errors import GatewayError, StageTimeout
from gateway.core.ports import GenerationEvent, GenerationRequest


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What requests must share to be drawn in one forward pass.

    `begins_with` says what the drawing starts from: noise, a picture, or a picture with a mask.
    """

    width: int
    height: int
    steps: int
    guidance_scale: float | None
    has_negative: bool
    begins_with: Literal["noise", "image", "mask"] = "noise"
    strength: float | None = None


class Ticket:
    """A request in the worker's queue, made in the asker's event loop.

    `done` holds the pictures drawn so far, in the order of the seeds; only the worker's thread touches it.
    """

    def __init__(self, request: GenerationRequest, key: BatchKey) -> None:
        self.request = request
        self.key = key
        self.done: list[Pixels] = []
        self._loop = asyncio.get_running_loop()
        self._deadline_s = self._loop.time() + request.timeout_s
        self._events: asyncio.Queue[GenerationEvent | GatewayError] = asyncio.Queue()
        self._cancelled = threading.Event()

    @property
    def cancelled(self) -> bool:
        """True once nobody waits for this ticket."""
        return self._cancelled.is_set()

    @property
    def missing(self) -> int:
        """How many pictures are not drawn yet."""
        return len(self.request.seeds) - len(self.done)

    def cancel(self) -> None:
        """Nobody waits any more; the worker drops the ticket at the next step."""
        self._cancelled.set()

    def send(self, event: GenerationEvent | GatewayError) -> None:
        """Hand an event, or the error that ends all, to the asker; from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
        except RuntimeError:
            self.cancel()  # the asker's loop is closed: nobody waits

    async def next_event(self) -> GenerationEvent:
        """Return the next event.

        Raises:
            GatewayError: what the worker sent instead of an event.
            StageTimeout: the request's `timeout_s` passed, waiting in the queue included.
        """
        try:
            async with asyncio.timeout_at(self._deadline_s):
                event = await self._events.get()
        except TimeoutError as error:
            limit = f"{self.request.timeout_s:g} s"
            raise StageTimeout(f"the picture was not drawn within {limit}") from error
        if isinstance(event, GatewayError):
            raise event
        return event
