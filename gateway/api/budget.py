"""How many bytes of requests and answers may lie in memory at once, and how many readers the log may have.

Duty: count what requests hold and refuse what is too much, with `Overloaded`. It knows no route. A request's
share is made by the outermost wrapper, which gives all of it back when the answer is out; pixels are counted
from the threads that decode them, hence the lock.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from gateway.core.errors import Overloaded

SMALL_BYTES: Final = 1_000_000
KEPT_FOR_SMALL: Final = 8
"""The last part in so many is kept for requests that hold no more than `SMALL_BYTES` in all."""
_RETRY_S: Final = 1.0


class ByteBudget:
    """At most `limit_bytes` in all. A request that is alone is let through whatever it holds."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """What all requests hold together."""
        return self._held_bytes

    def grow(self, own_bytes: int, by_bytes: int) -> None:
        """Let a share of `own_bytes` grow.

        Raises:
            Overloaded: with the others it would be too much; nothing was taken.
        """
        with self._lock:
            others = self._held_bytes - own_bytes
            wanted = own_bytes + by_bytes
            small = wanted <= SMALL_BYTES
            limit = self._limit_bytes if small else self._limit_bytes - self._limit_bytes // KEPT_FOR_SMALL
            if others > 0 and others + wanted > limit:
                raise Overloaded(
                    "The bodies and pictures of other requests fill the memory that is set aside for them; "
                    "try again soon.",
                    retry_after_s=_RETRY_S,
                )
            self._held_bytes += by_bytes

    def give(self, size_bytes: int) -> None:
        """Take back what a share held."""
        with self._lock:
            self._held_bytes -= size_bytes


class Share:
    """What one request holds."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._held_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Hold so many bytes more. Raises Overloaded when they are not to be had."""
        self._budget.grow(self._held_bytes, size_bytes)
        self._held_bytes += size_bytes

    def close(self) -> None:
        """Give everything back; idempotent."""
        held, self._held_bytes = self._held_bytes, 0
        self._budget.give(held)


class Readers:
    """At most `at_once` reads of the log, and `waiting` more in the order in which they came."""

    def __init__(self, at_once: int, *, waiting: int) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._inside = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place. Raises Overloaded at once when all are taken and as many wait as may."""
        if self._inside >= self._most:
            raise Overloaded("The log is being read by too many; try again soon.", retry_after_s=_RETRY_S)
        self._inside += 1
        try:
            async with self._places:
                yield
        finally:
            self._inside -= 1
