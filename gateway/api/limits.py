"""Our limits and the caller's: bounded admission, fair among tenants, draining, and a token bucket per key.

Duty: say at once whether there is room and time, and know when the last accepted request is done. It knows no
route and no HTTP status; it raises `Overloaded` and `QuotaExceeded`. One event loop, so no locks.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from gateway.core.errors import Overloaded, QuotaExceeded

_RETRY_FULL_S: Final = 1.0
_RETRY_DRAINING_S: Final = 5.0
_LEAST_S: Final = 0.001
_MAX_BUCKETS: Final = 10_000
_HALF_LIFE_S: Final = 20.0
_RATE_AT_FIRST: Final = 6_000.0
_LEAST_RATE: Final = 500.0


class Admission:
    """At most `max_concurrent` requests are worked on and `max_queued` wait, tenants in turn.

    Bulk requests (arrays) have at most half of the places, and the rest when nobody else is there. When the
    queue is full, the tenant that fills most of it gives a seat to one that fills less. `rate` is what the
    server was seen to judge, characters a second; a request that would wait longer than its time is refused
    at once.
    """

    def __init__(self, *, max_concurrent: int, max_queued: int) -> None:
        self._max_concurrent = max_concurrent
        self._max_bulk = max(1, max_concurrent // 2)
        self._max_queued = max_queued
        self._in_flight = 0
        self._bulk_in_flight = 0
        self._waiting: list[_Waiter] = []
        self._served: dict[str, int] = {}
        """Per tenant with a waiter: places handed to it, so that the next is for who had fewest."""
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.work = Work()

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

    def check(self, tenant: str = "") -> None:
        """Refuse what can't be taken, before its body is read.

        Raises:
            Overloaded: the server is stopping, or every place and every seat in the queue is taken and none
                is to be had from a tenant that fills more of the queue than `tenant`.
        """
        if self._draining:
            raise Overloaded("The server is stopping; try another.", retry_after_s=_RETRY_DRAINING_S)
        full = self._in_flight >= self._max_concurrent and len(self._waiting) >= self._max_queued
        if full and self._giver(tenant) is None:
            raise Overloaded("The server is full; try again soon.", retry_after_s=_RETRY_FULL_S)

    @asynccontextmanager
    async def slot(
        self, timeout_s: float, *, tenant: str = "", bulk: bool = False, chars: int = 0
    ) -> AsyncIterator[float]:
        """Hold a place while working; gives what waiting left of `timeout_s`.

        `chars` is how much there is to judge, in characters; 0 where judging is the least of it.

        Raises:
            Overloaded: at once when there is no place and the queue is full, or when the characters before
                this request's and its own would take longer than `timeout_s`; later when no place came free
                in `timeout_s`, or the seat went to another tenant.
        """
        self.check(tenant)
        wait_s = self.work.seconds(chars, bulk=bulk)
        if wait_s > timeout_s:
            raise Overloaded(
                "The server has more to judge than fits into this request's time; send it later or in parts.",
                retry_after_s=max(_RETRY_FULL_S, wait_s - timeout_s),
            )
        with self.work.counted(chars, bulk=bulk):
            left_s = timeout_s
            if self._may_begin(bulk=bulk):
                self._begin(bulk=bulk)
            else:
                left_s = await self._wait_within(timeout_s, _Waiter(tenant, bulk, _future()))
            try:
                yield left_s
            finally:
                self._end(bulk=bulk)

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

    def _may_begin(self, *, bulk: bool) -> bool:
        crowded = bulk and self._bulk_in_flight >= self._max_bulk
        return self._in_flight < self._max_concurrent and not crowded

    def _begin(self, *, bulk: bool) -> None:
        self._in_flight += 1
        self._bulk_in_flight += bulk
        self._idle.clear()

    def _end(self, *, bulk: bool) -> None:
        """Free the place, and hand it to the waiter whose turn it is."""
        self._in_flight -= 1
        self._bulk_in_flight -= bulk
        self._hand_out()
        if self._in_flight == 0:
            self._idle.set()

    def _hand_out(self) -> None:
        while True:
            able = [w for w in self._waiting if not w.turn.done() and self._may_begin(bulk=w.bulk)]
            if not able:
                return
            later = self._bulk_in_flight > 0  # bulk keeps one place at the least
            chosen = min(able, key=lambda w: (w.bulk and later, self._served.get(w.tenant, 0)))
            self._leave(chosen)
            if any(waiter.tenant == chosen.tenant for waiter in self._waiting):
                self._served[chosen.tenant] = self._served.get(chosen.tenant, 0) + 1
            self._begin(bulk=chosen.bulk)
            chosen.turn.set_result(None)

    def _leave(self, waiter: _Waiter) -> None:
        self._waiting.remove(waiter)
        if all(other.tenant != waiter.tenant for other in self._waiting):
            self._served.pop(waiter.tenant, None)

    async def _wait_within(self, timeout_s: float, waiter: _Waiter) -> float:
        started = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                await self._wait(waiter)
        except TimeoutError as error:
            raise Overloaded(
                "No place came free in the request's time; try again later.", retry_after_s=_RETRY_FULL_S
            ) from error
        # A place that came in the last moment still gets a moment, and then times out as a stage does.
        return max(_LEAST_S, timeout_s - (time.monotonic() - started))

    async def _wait(self, waiter: _Waiter) -> None:
        if len(self._waiting) >= self._max_queued:
            giver = self._giver(waiter.tenant)
            if giver is None:
                raise Overloaded("The server is full; try again soon.", retry_after_s=_RETRY_FULL_S)
            self._leave(giver)
            giver.turn.set_exception(
                Overloaded("The server is full; try again soon.", retry_after_s=_RETRY_FULL_S)
            )
        self._waiting.append(waiter)
        # Who comes anew has had as much as the one that had least: it neither jumps the queue nor pays.
        least = min((self._served.get(other.tenant, 0) for other in self._waiting[:-1]), default=0)
        self._served.setdefault(waiter.tenant, least)
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._leave(waiter)
            elif not waiter.turn.cancelled() and waiter.turn.exception() is None:
                self._end(bulk=waiter.bulk)  # the place was handed over in the same moment: hand it on
            raise

    def _giver(self, tenant: str) -> _Waiter | None:
        """The latest waiter of the tenant that fills most of the queue, if `tenant` would fill less."""
        seats = Counter(waiter.tenant for waiter in self._waiting)
        if not seats:
            return None
        largest, most = seats.most_common(1)[0]
        if most <= seats[tenant] + 1:
            return None
        return next(waiter for waiter in reversed(self._waiting) if waiter.tenant == largest)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    tenant: str
    bulk: bool
    turn: asyncio.Future[None]


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


class Work:
    """How much is accepted and not yet judged, in characters, and how fast it goes.

    The rate is what was judged over the time in which anything was, halved in weight every `_HALF_LIFE_S`
    seconds of work; a server that has judged little is taken to be as fast as `_RATE_AT_FIRST`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open = [0, 0]
        self._at_work = 0
        self._since = 0.0
        self._judged, self._seconds = _RATE_AT_FIRST * _HALF_LIFE_S, _HALF_LIFE_S

    @property
    def rate(self) -> float:
        """Characters a second."""
        return max(self._judged / self._seconds, _LEAST_RATE)

    def seconds(self, chars: int, *, bulk: bool) -> float:
        """How long `chars` more would take, with all that goes before them; bulk waits for everybody."""
        if chars == 0:
            return 0.0
        return (chars + self._open[0] + (self._open[1] if bulk else 0)) / self.rate

    @contextmanager
    def counted(self, chars: int, *, bulk: bool) -> Iterator[None]:
        """Count `chars` as open inside, and as judged when it ends without an error."""
        if chars == 0:
            yield
            return
        self._tick()
        self._at_work += 1
        self._open[bulk] += chars
        judged = 0
        try:
            yield
            judged = chars
        finally:
            self._tick()
            self._at_work -= 1
            self._open[bulk] -= chars
            self._judged += judged

    def _tick(self) -> None:
        now = self._clock()
        if self._at_work:
            passed = now - self._since
            fade = 0.5 ** (passed / _HALF_LIFE_S)
            self._judged *= fade
            self._seconds = self._seconds * fade + passed
        self._since = now


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
