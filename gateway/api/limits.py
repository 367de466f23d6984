"""Our limits and the caller's: bounded admission, draining, and a token bucket per key.

Duty: say at once whether there is room, and know when the last accepted request is done. It knows no route
and no HTTP status; it raises `Overloaded` and `QuotaExceeded`. One event loop, so no locks.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from gateway.core.errors import Overloaded, QuotaExceeded

_RETRY_FULL_S: Final = 1.0
_RETRY_DRAINING_S: Final = 5.0
_LEAST_S: Final = 0.001
_MAX_BUCKETS: Final = 10_000


class Admission:
    """At most `max_concurrent` requests are worked on and `max_queued` wait, first come, first served."""

    def __init__(self, *, max_concurrent: int, max_queued: int) -> None:
        self._max_concurrent = max_concurrent
        self._max_queued = max_queued
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def in_flight(self) -> int:
        """Requests that are worked on now."""
        return self._in_flight

    @property
    def queued(self) -> int:
        """Requests that wait for a place."""
        return len(self._waiting)

    @property
    def draining(self) -> bool:
        """True once new work is refused."""
        return self._draining

    def check(self) -> None:
        """Refuse what can't be taken, before its body is read.

        Raises:
            Overloaded: the server is stopping, or every place and every seat in the queue is taken.
        """
        if self._draining:
            raise Overloaded("The server is stopping; try another.", retry_after_s=_RETRY_DRAINING_S)
        if self._in_flight >= self._max_concurrent and len(self._waiting) >= self._max_queued:
            raise Overloaded("The server is full; try again soon.", retry_after_s=_RETRY_FULL_S)

    @asynccontextmanager
    async def slot(self, timeout_s: float) -> AsyncIterator[float]:
        """Hold a place while working; gives what waiting left of `timeout_s`.

        Raises:
            Overloaded: at once when there is no place and the queue is full, or when no place came free in
                `timeout_s`.
        """
        self.check()
        left_s = timeout_s
        if self._in_flight < self._max_concurrent:
            self._in_flight += 1
            self._idle.clear()
        else:
            left_s = await self._wait_within(timeout_s)
        try:
            yield left_s
        finally:
            self._release()

    async def _wait_within(self, timeout_s: float) -> float:
        started = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                await self._wait()
        except TimeoutError as error:
            raise Overloaded(
                "No place came free in the request's time; try again later.", retry_after_s=_RETRY_FULL_S
            ) from error
        # A place that came in the last moment still gets a moment, and then times out as a stage does.
        return max(_LEAST_S, timeout_s - (time.monotonic() - started))

    async def _wait(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # a release in the same moment may have thrown it out already
                    self._waiting.remove(turn)
            else:
                self._release()  # the place was handed over in the same moment: hand it on
            raise

    def _release(self) -> None:
        """Hand the place to the longest waiter; only without one does it become free."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # a cancelled waiter that has not woken yet
                turn.set_result(None)
                return
        self._in_flight -= 1
        if self._in_flight == 0:
            self._idle.set()

    def begin_drain(self) -> None:
        """Refuse new work from now on; what was accepted, waiting requests included, goes on. Idempotent."""
        self._draining = True

    async def drained(self, timeout_s: float) -> bool:
        """Wait until accepted work is done; False when `timeout_s` ran out first."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True


class RateLimiter:
    """A token bucket per key: a minute's worth at once, refilled evenly. One process counts for itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key_id: str, per_minute: int) -> None:
        """Take one token.

        Raises:
            QuotaExceeded: none is left; it says when the next one comes.
        """
        now = self._clock()
        tokens, then = self._buckets.pop(key_id, (float(per_minute), now))
        tokens = min(float(per_minute), tokens + (now - then) * per_minute / 60)
        allowed = tokens >= 1
        self._buckets[key_id] = (tokens - 1 if allowed else tokens, now)
        while len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        if not allowed:
            wait_s = (1 - tokens) * 60 / per_minute
            raise QuotaExceeded(
                f"This key may send {per_minute} requests per minute; wait for the next one.",
                retry_after_s=wait_s,
            )
