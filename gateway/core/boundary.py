"""Where other people's code ends: what a plug-in raises becomes one of our errors, and it holds nobody up.

Rewriters and generators may come from anywhere. Inside this boundary a broad `except` is right: an unknown
error must withhold the picture with the documented status, and must not carry content into a message.

A plug-in's coroutine runs in a task of its own. A deadline can cancel that task but not make it end: code
that ignores its cancellation, or hangs while it cleans up, is left behind after `GRACE_S`, and nothing that
it does later is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from gateway.core.errors import GatewayError

T = TypeVar("T")

GRACE_S: Final = 1.0
"""How long a cancelled plug-in is waited for, seconds: enough to leave a running step, not to hang in it."""


class PluginCancelled(Exception):
    """A plug-in cancelled itself: an error of its own, and not its caller's cancellation."""


@contextmanager
def plugin_boundary(error_class: type[GatewayError], what: str) -> Iterator[None]:
    """Turn any unknown exception into `error_class`; our own errors, time-outs and cancellation pass."""
    try:
        yield
    except (GatewayError, TimeoutError):
        raise
    except Exception as error:
        raise error_class(f"{what} failed ({type(error).__name__}); nothing was released.") from error


async def leashed(work: Awaitable[T]) -> T:
    """Return what a plug-in's coroutine returns; a cancelled caller is free after `GRACE_S` at the latest.

    Raises:
        PluginCancelled: it cancelled itself.
    """
    task = asyncio.ensure_future(work)
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task.add_done_callback(lambda _: _settle(over))
    try:
        await over
    finally:
        await _let_go(task)
    return _ended(task)


async def last_of(events: AsyncIterator[T]) -> T | None:
    """Return a plug-in's last event, for whom the others do not matter; None without any. Use in `leashed`.

    A plug-in that swallowed its cancellation is asked for no further event: nobody listens.
    """
    last, task = None, asyncio.current_task()
    try:
        async for event in events:
            last = event
            if task is not None and task.cancelling():
                break
    finally:
        await events.aclose()  # type: ignore[attr-defined]  # as in `_iterate`
    return last


async def relayed(events: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Yield a plug-in's events, each asked for when the one before was dealt with; close this iterator too.

    All of them are awaited in one task, so that a time-out or a task group inside the plug-in works. Closing
    cancels that task, as `leashed`.

    Raises:
        PluginCancelled: it cancelled itself.
    """
    arrived: asyncio.Queue[T | _End] = asyncio.Queue()
    dealt_with, left = asyncio.Semaphore(0), asyncio.Event()
    task = asyncio.ensure_future(_iterate(events, arrived, dealt_with, left))
    task.add_done_callback(lambda _: arrived.put_nowait(_End()))
    try:
        while not isinstance(event := await arrived.get(), _End):
            yield event
            dealt_with.release()
    finally:
        left.set()
        dealt_with.release()  # a task that swallowed its cancellation sees that nobody listens, and ends
        await _let_go(task)
    _ended(task)


class _End:
    """Behind the last event."""


async def _iterate(
    events: AsyncIterator[T],
    arrived: asyncio.Queue[T | _End],
    dealt_with: asyncio.Semaphore,
    left: asyncio.Event,
) -> None:
    try:
        async for event in events:
            arrived.put_nowait(event)
            await dealt_with.acquire()
            if left.is_set():
                return
    finally:
        await events.aclose()  # type: ignore[attr-defined]  # async generators have aclose; the port says so


async def _let_go(task: asyncio.Future[Any]) -> None:
    # Asked for its error now or later: else the event loop would log it, and with it what it may quote.
    if task.done():
        _asked(task)
        return
    task.add_done_callback(_asked)
    task.cancel()
    await asyncio.wait((task,), timeout=GRACE_S)


def _settle(over: asyncio.Future[None]) -> None:
    if not over.done():  # it is when the caller was cancelled
        over.set_result(None)


def _asked(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()


def _ended(task: asyncio.Future[T]) -> T:
    if task.cancelled():
        raise PluginCancelled
    return task.result()
