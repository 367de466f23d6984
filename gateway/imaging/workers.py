"""Threads for pixel work, bounded: decoding and encoding never run on the event loop.

Duty: run one function in a small pool, refuse when too much waits, give up on time. It knows no image format.
Waiting for a thread and working are timed apart: only the second says something about the picture.
A thread can't be stopped, so a call that ran out of time keeps its place until it really ends: a picture that
hangs the decoder costs a place, never an unbounded queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from gateway.core.errors import Overloaded

T = TypeVar("T")

THREADS: Final = 2
QUEUE_LIMIT: Final = 64
WAIT_S: Final = 10.0
"""How long a call waits for a thread; then the server has too much to do."""


class PixelWorkers:
    """A pool of `threads` threads that accepts at most `queue_limit` calls beyond those running."""

    def __init__(
        self, *, threads: int = THREADS, queue_limit: int = QUEUE_LIMIT, wait_s: float = WAIT_S
    ) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="pixels")
        self._wait_s = wait_s
        self._places = threading.BoundedSemaphore(threads + queue_limit)

    async def run(self, work: Callable[[], T], *, timeout_s: float | None = None) -> T:
        """Return what `work` returns, or raise what it raises.

        Raises:
            Overloaded: too many calls wait already, or no thread came free in `wait_s`.
            TimeoutError: the work itself took `timeout_s` seconds.
        """
        loop = asyncio.get_running_loop()
        begun = loop.create_future()

        def timed() -> T:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_begin, begun)
            return work()

        if not self._places.acquire(blocking=False):
            raise Overloaded("too many pictures are waiting to be decoded or encoded", retry_after_s=1.0)
        try:
            future = self._executor.submit(timed)
        except RuntimeError:
            self._places.release()
            raise Overloaded("the server is shutting down", retry_after_s=1.0) from None
        future.add_done_callback(lambda _: self._places.release())
        done = asyncio.wrap_future(future)
        try:
            await asyncio.wait((begun, done), timeout=self._wait_s, return_when=asyncio.FIRST_COMPLETED)
            if not begun.done() and not done.done():
                raise Overloaded("pictures before this one took too long; try again", retry_after_s=1.0)
            return await asyncio.wait_for(done, timeout_s)
        finally:
            done.cancel()  # one that waits is dropped; one that runs keeps its place until it ends

    def close(self) -> None:
        """Take no more work and let what runs end; idempotent."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _begin(begun: asyncio.Future[None]) -> None:
    if not begun.done():
        begun.set_result(None)


@functools.cache
def shared_workers() -> PixelWorkers:
    """The process's own pool, made at the first call."""
    return PixelWorkers()
