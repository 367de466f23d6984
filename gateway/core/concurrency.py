"""Wait for several coroutines, where one failure ends them all before the caller goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def all_or_none(coroutines: Sequence[Coroutine[Any, Any, T]], *, at_once: int | None = None) -> list[T]:
    """Return every result in order; on the first failure cancel the rest, wait for them, and raise it.

    At most `at_once` of them run at the same time. Nothing goes on in the background afterwards, so a closed
    trail gets no late record.
    """
    if len(coroutines) == 1:
        return [await coroutines[0]]
    gate = asyncio.Semaphore(at_once or len(coroutines) or 1)

    async def within(coroutine: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await coroutine

    tasks = [asyncio.create_task(within(coroutine)) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for coroutine in coroutines:
            coroutine.close()  # one that never began; nothing for the others
