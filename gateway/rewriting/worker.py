"""One thread that serves rewrites in batches: what waits when it is free goes into one forward pass.

Duty: the queue, the batch and each waiter's own answer or error. It knows no model and no prompt. There is
no timer: an idle worker answers at once and a busy one batches by itself. Nothing hangs: a full queue, a dead
worker and a closed one answer at once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from gateway.core.errors import GatewayError, Overloaded, RewriteFailed

_log = logging.getLogger(__name__)
TaskT = TypeVar("TaskT")
_RETRY_AFTER_S = 1.0
_CLOSE_TIMEOUT_S = 30.0


@dataclass(slots=True, eq=False)
class Ticket(Generic[TaskT]):
    """One task that waits. `abandoned` turns true when its waiter went away; the batch may then skip it."""

    task: TaskT
    future: Future[str] = field(default_factory=Future)
    abandoned: bool = False


Answer: TypeAlias = str | GatewayError
RunBatch: TypeAlias = Callable[[Sequence[Ticket[TaskT]]], Sequence[Answer]]


class BatchWorker(Generic[TaskT]):
    """Runs `run` in one daemon thread over up to `max_batch` waiting tasks; `queue_limit` caps what waits.

    `run` returns one answer per ticket, in order; an exception fails the whole batch. `prepare` runs once in
    the same thread, before the first batch (loading weights).
    """

    def __init__(
        self,
        name: str,
        run: RunBatch[TaskT],
        *,
        prepare: Callable[[], None],
        max_batch: int,
        queue_limit: int,
    ) -> None:
        self._name = name
        self._run = run
        self._prepare = prepare
        self._max_batch = max_batch
        self._queue_limit = queue_limit
        self._waiting: deque[Ticket[TaskT]] = deque()
        self._running: Sequence[Ticket[TaskT]] = ()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._prepared: Future[None] = Future()
        self._closing = False
        self._dead = False

    async def start(self) -> None:
        """Start the thread and wait until `prepare` is done; what `prepare` raises is raised here."""
        with self._changed:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._main, name=f"rewriter-{self._name}", daemon=True)
                self._thread.start()
        # shielded: a cancelled start must not cancel the future that the thread resolves
        await asyncio.shield(asyncio.wrap_future(self._prepared))

    async def submit(self, task: TaskT) -> str:
        """Return the answer to this task. Cancelling drops it and harms no other.

        Raises:
            Overloaded: `queue_limit` tasks wait already.
            RewriteFailed: the batch failed, or the worker is dead, closed or was never started.
        """
        ticket = Ticket(task)
        with self._changed:
            if self._thread is None or self._dead or self._closing:
                raise RewriteFailed("the rewriter is not running")
            # Dropped here too: behind a model that hangs, those who gave up would keep the places of others.
            self._waiting = deque(waiting for waiting in self._waiting if not waiting.future.cancelled())
            if len(self._waiting) >= self._queue_limit:
                raise Overloaded("the rewriter's queue is full; retry later", retry_after_s=_RETRY_AFTER_S)
            self._waiting.append(ticket)
            self._changed.notify()
        try:
            return await asyncio.wrap_future(ticket.future)
        except asyncio.CancelledError:
            ticket.abandoned = True
            raise

    async def close(self, *, timeout_s: float = _CLOSE_TIMEOUT_S) -> None:
        """Serve what waits, then end the thread; idempotent.

        A model that hangs is left behind after `timeout_s`, and every caller still waiting gets an error.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join, timeout_s)
            if thread.is_alive():
                self._die()

    def _main(self) -> None:
        try:
            self._prepare()
        except BaseException as error:  # noqa: BLE001  # the worker's boundary: `start` shows it, nobody waits
            self._die()
            self._prepared.set_exception(error)
            return
        self._prepared.set_result(None)
        try:
            while batch := self._next_batch():
                self._serve(batch)
        finally:
            self._die()

    def _next_batch(self) -> list[Ticket[TaskT]]:
        """Wait for work; an empty list means: closed, and nothing waits any more."""
        with self._changed:
            while True:
                batch: list[Ticket[TaskT]] = []
                while self._waiting and len(batch) < self._max_batch:
                    ticket = self._waiting.popleft()
                    if ticket.future.set_running_or_notify_cancel():
                        batch.append(ticket)
                if batch or self._closing:
                    self._running = batch
                    return batch
                self._changed.wait()

    def _serve(self, batch: Sequence[Ticket[TaskT]]) -> None:
        try:
            answers = _counted(self._run(batch), len(batch))
        except Exception as error:  # noqa: BLE001  # the batch boundary: one bad batch fails its waiters alone
            _log.warning(
                "rewriter %s: a batch of %d failed: %s", self._name, len(batch), type(error).__name__
            )
            answers = [_failure(error)] * len(batch)
        with self._changed:
            self._running = ()
            for ticket, answer in zip(batch, answers, strict=True):
                if ticket.future.done():
                    continue  # failed by a close that could wait no longer
                if isinstance(answer, str):
                    ticket.future.set_result(answer)
                else:
                    ticket.future.set_exception(answer)

    def _die(self) -> None:
        """Refuse what comes and fail what waits: the thread is gone."""
        with self._changed:
            self._dead = True
            for ticket in (*self._running, *self._waiting):
                future = ticket.future
                if future.done():
                    continue
                # marking it as running first: from then on its waiter can't cancel it under our hands
                if future.running() or future.set_running_or_notify_cancel():
                    future.set_exception(RewriteFailed("the rewriter's worker died"))
            self._waiting.clear()


def _counted(answers: Sequence[Answer], expected: int) -> Sequence[Answer]:
    if len(answers) != expected:
        raise RewriteFailed("the rewriter answered the wrong number of prompts")
    return answers


def _failure(error: Exception) -> GatewayError:
    if isinstance(error, GatewayError):
        return error
    failure = RewriteFailed(f"the rewriting model failed ({type(error).__name__})")
    failure.__cause__ = error
    return failure
