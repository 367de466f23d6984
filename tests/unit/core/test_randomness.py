"""Random bytes from the pool: each is handed out once, across refills, threads and forks."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.core.randomness import RandomPool


def test_no_byte_is_handed_out_twice() -> None:
    """Over many refills and threads at once no two draws are equal, and each has the size asked for."""
    pool = RandomPool()
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(pool.take, [16, 72] * 2000))
    assert [len(one) for one in drawn] == [16, 72] * 2000
    assert len({one[start : start + 8] for one in drawn for start in range(0, len(one), 8)}) == 22_000


def test_more_than_the_pool_holds_is_refused() -> None:
    """Nobody gets fewer bytes than asked for."""
    with pytest.raises(ValueError, match="4096"):
        RandomPool().take(4097)


def test_a_child_never_draws_what_its_parent_draws() -> None:
    """After a fork the two go on with different bytes."""
    pool = RandomPool()
    pool.take(16)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, pool.take(32))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 32) != pool.take(32)
    os.close(reading)
    os.close(writing)
