"""One thread per image model, and the queue before it: same-shaped requests that wait are drawn together.

Duty: order, batch, cancel, and let every waiter end. It knows no model library: a `Painter` draws.

No timer: the thread takes what waits the moment it is free. A request for more pictures than fit is drawn in
several passes. Whatever goes wrong reaches every waiter of the batch as an error; a thread that dies fails
all who wait and all who come later, at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Protocol

from classifiers.protocol import Pixels
from gateway.core.errors import GatewayError, GenerationFailed, Overloaded
from gateway.core.ports import Generated, Picture, Progress
from gateway.core.requests import SourcePicture
from gateway.generation.tickets import BatchKey, Ticket

_CLOSE_TIMEOUT_S: Final = 30.0


class BatchAbandoned(Exception):
    """Raised into a running pipeline by `on_step`: nobody waits for this batch any more."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One picture of a batch: its words, its seed, and the picture that it begins with, if any."""

    prompt: str
    negative_prompt: str | None
    seed: int
    source: SourcePicture | None = None


OnStep = Callable[[int, int, Callable[[], Sequence[Pixels]]], None]
"""`on_step(step, steps, previews)`: `step` of `steps` is done; `previews()` gives one picture a stroke."""


class Painter(Protocol):
    """Draws one batch at a time, in the worker's thread."""

    def load(self) -> None:
        """Load and warm up."""
        ...

    def paint(self, key: BatchKey, strokes: Sequence[Stroke], on_step: OnStep) -> Sequence[Pixels]:
        """Return one checked picture per stroke; call `on_step` after each step and let its exception out."""
        ...

    def unload(self) -> None:
        """Give back what `load` took."""
        ...


@dataclass(frozen=True, slots=True)
class _Share:
    """A ticket's part of a batch: strokes `start .. start + count`; `before` pictures were drawn earlier."""

    ticket: Ticket
    start: int
    count: int
    before: int


class BatchWorker:
    """The queue and the thread of one painter.

    `max_batch` caps the pictures of one forward pass, `profile` those of the sizes (width, height) that it
    names; `queue_limit` caps the requests that wait.
    """

    def __init__(
        self,
        name: str,
        painter: Painter,
        *,
        max_batch: int,
        queue_limit: int,
        profile: Mapping[tuple[int, int], int] | None = None,
    ) -> None:
        self._name = name
        self._painter = painter
        self._max_batch = max_batch
        self._profile = dict(profile or {})
        self._queue_limit = queue_limit
        self._waiting: deque[Ticket] = deque()
        self._drawing: list[Ticket] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._loaded: Future[None] = Future()
        self._ended: str | None = None  # why no work is taken any more

    async def start(self) -> None:
        """Start the thread and wait until the painter is loaded; raises what `load` raised."""
        with self._changed:
            if self._thread is None and self._ended is None:
                self._thread = threading.Thread(target=self._run, name=f"generator-{self._name}", daemon=True)
                self._thread.start()
        await asyncio.shield(asyncio.wrap_future(self._loaded))

    def submit(self, ticket: Ticket) -> None:
        """Queue a ticket.

        Raises:
            Overloaded: `queue_limit` requests wait already.
            GenerationFailed: not started, closed, or the thread died.
        """
        with self._changed:
            if self._thread is None or self._ended is not None:
                raise GenerationFailed(f"the image model is not running ({self._ended or 'not started'})")
            # Dropped here too: behind a pipeline that hangs, those who gave up would pile up.
            self._waiting = deque(waiting for waiting in self._waiting if not waiting.cancelled)
            if len(self._waiting) >= self._queue_limit:
                raise Overloaded("too many pictures are waiting to be drawn", retry_after_s=5.0)
            self._waiting.append(ticket)
            self._changed.notify_all()

    async def close(self) -> None:
        """Fail who waits, abandon what is drawn at its next step, end the thread; idempotent."""
        self._end("closed")
        thread = self._thread
        if thread is not None and thread.is_alive():
            await asyncio.get_running_loop().run_in_executor(None, thread.join, _CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        try:
            self._painter.load()
            self._loaded.set_result(None)
            while shares := self._next_batch():
                self._draw(shares)
            self._painter.unload()
        except BaseException as error:  # noqa: BLE001 - boundary: a dying thread must free its waiters
            # Even SystemExit ends here: a thread that dies silently leaves its waiters hanging.
            self._end(type(error).__name__, cause=error)
            if not self._loaded.done():
                self._loaded.set_exception(error)

    def _next_batch(self) -> list[_Share]:
        """Wait for work; return the oldest request and those that can be drawn with it, or [] at the end."""
        with self._changed:
            while True:
                self._drawing = []
                if self._ended is not None:
                    return []
                self._waiting = deque(ticket for ticket in self._waiting if not ticket.cancelled)
                if self._waiting:
                    return self._take()
                self._changed.wait()

    def _take(self) -> list[_Share]:
        head = self._waiting.popleft()
        most = self._most(head.key)
        shares = [_Share(head, 0, min(head.missing, most), len(head.done))]
        room = most - shares[0].count
        for ticket in tuple(self._waiting):
            # Only whole requests join, so that everybody's number of passes is known from the start.
            if ticket.key == head.key and ticket.missing <= room:
                self._waiting.remove(ticket)
                shares.append(_Share(ticket, most - room, ticket.missing, len(ticket.done)))
                room -= ticket.missing
        self._drawing = [share.ticket for share in shares]
        return shares

    def _most(self, key: BatchKey) -> int:
        return self._profile.get((key.width, key.height), self._max_batch)

    def _draw(self, shares: list[_Share]) -> None:
        strokes = [stroke for share in shares for stroke in _strokes(share)]
        try:
            key = shares[0].ticket.key
            pictures = self._painter.paint(key, strokes, _reporter(shares, self._most(key)))
        except BatchAbandoned:
            return
        except Exception as error:  # noqa: BLE001 - boundary: whatever a library raises reaches every waiter
            for share in shares:
                share.ticket.send(_failure(error))
            return
        for share in shares:
            share.ticket.done.extend(pictures[share.start : share.start + share.count])
            self._finish_or_requeue(share.ticket)

    def _finish_or_requeue(self, ticket: Ticket) -> None:
        if ticket.cancelled:
            return
        if not ticket.missing:
            ticket.send(Generated(tuple(Picture(pixels=pixels) for pixels in ticket.done)))
            return
        with self._changed:
            if self._ended is None:
                self._waiting.appendleft(ticket)
                return
        ticket.send(GenerationFailed(f"the image model stopped ({self._ended})"))

    def _end(self, reason: str, cause: BaseException | None = None) -> None:
        with self._changed:
            self._ended = self._ended or reason
            stranded = [*self._drawing, *self._waiting]
            self._waiting.clear()
            self._changed.notify_all()
        for ticket in stranded:
            failure = GenerationFailed(f"the image model stopped ({reason})")
            failure.__cause__ = cause
            ticket.send(failure)
            ticket.cancel()
        if not self._loaded.done() and self._thread is None:
            self._loaded.set_exception(GenerationFailed(f"the image model is {reason}"))


def _strokes(share: _Share) -> list[Stroke]:
    request = share.ticket.request
    seeds = request.seeds[share.before : share.before + share.count]
    return [Stroke(request.prompt, request.negative_prompt, seed, request.source) for seed in seeds]


def _failure(error: Exception) -> GatewayError:
    if isinstance(error, GatewayError):
        return type(error)(error.message, param=error.param, retry_after_s=error.retry_after_s)
    # The class name only: a library's message may quote the prompt.
    failure = GenerationFailed(f"the image model failed ({type(error).__name__})")
    failure.__cause__ = error
    return failure


def _reporter(shares: list[_Share], max_batch: int) -> OnStep:
    """Return the `on_step` of one batch: progress to each ticket, and the end when nobody listens."""
    drawn: dict[str, Any] = {}

    def on_step(step: int, steps: int, previews: Callable[[], Sequence[Pixels]]) -> None:
        listening = [share for share in shares if not share.ticket.cancelled]
        if not listening:
            raise BatchAbandoned
        drawn.clear()
        for share in listening:
            shown: tuple[Pixels, ...] = ()
            if _wants_preview(share, step, steps):
                if "previews" not in drawn:  # once a step, however many ask
                    drawn["previews"] = tuple(previews())
                mine = drawn["previews"][share.start : share.start + share.count]
                shown = (*share.ticket.done, *mine)
            passes = -(-len(share.ticket.request.seeds) // max_batch)
            before = share.before // max_batch * steps
            share.ticket.send(Progress(before + step, passes * steps, shown))

    return on_step


def _wants_preview(share: _Share, step: int, steps: int) -> bool:
    """Previews are spread over the steps of the last pass: only then is there one for every picture."""
    asked = share.ticket.request.preview_count
    if not asked or share.count < share.ticket.missing or step >= steps:
        return False
    return step in {max(1, round(steps * (number + 1) / (asked + 1))) for number in range(asked)}
