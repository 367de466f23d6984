"""The garbage collector after the start: what was loaded is left alone, what comes later is still freed."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from gateway.service.collection import settle


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
