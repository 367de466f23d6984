"""Threads for pixel work, bounded: decoding and encoding never run on the event loop.

Duty: run one function in a small pool, refuse when too much waits, give up on time. It knows no image format.
A thread can't be stopped, so a call that ran out of time keeps its place until it really ends: a picture that
hangs the decoder costs a place, never an unbounded queue.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from gateway.core.errors import Overloaded

T = TypeVar("T")

THREADS: Final = 2
QUEUE_LIMIT: Final = 64


class PixelWorkers:
    """A pool of `threads` threads that accepts at most `queue_limit` calls beyond those running."""

    def __init__(self, *, threads: int = THREADS, queue_limit: int = QUEUE_LIMIT) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="pixels")
        self._places = threading.BoundedSemaphore(threads + queue_limit)

    async def run(self, work: Callable[[], T], *, timeout_s: float | None = None) -> T:
        """Return what `work` returns, or raise what it raises.

        Raises:
            Overloaded: too many calls wait already.
            TimeoutError: `timeout_s` seconds passed, waiting in the queue included.
        """
        if not self._places.acquire(blocking=False):
            raise Overloaded("too many pictures are waiting to be decoded or encoded", retry_after_s=1.0)
        try:
            future = self._executor.submit(work)
        except RuntimeError:
            self._places.release()
            raise Overloaded("the server is shutting down", retry_after_s=1.0) from None
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wait_for(asyncio.wrap_future(future), timeout_s)

    def close(self) -> None:
        """Take no more work and let what runs end; idempotent."""
        self._executor.shutdown(wait=False, cancel_futures=True)


@functools.cache
def shared_workers() -> PixelWorkers:
    """The process's own pool, made at the first call."""
    return PixelWorkers()
