"""The garbage collector after the start: what was loaded is left alone, what comes later is still freed."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from gateway.service.collection import settle, stay_small


class Knot:
    """Refers to itself: only the collector frees it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def collector() -> Iterator[None]:
    """Put the process's collector back as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
def test_what_was_loaded_is_left_alone_and_later_cycles_are_freed() -> None:
    """Settling freezes what is there, and a cycle made afterwards still goes with the next collection."""
    settle()
    assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    knot = weakref.ref(Knot())
    gc.collect()
    assert knot() is None


async def test_memory_is_given_back_until_the_server_ends() -> None:
    """The task runs on by itself and ends when it is cancelled."""
    task = asyncio.create_task(stay_small())
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
