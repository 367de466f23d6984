"""Who gets a place and who is refused: tenants in turn, arrays after others, cost before waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from gateway.api.limits import Admission, Work
from gateway.core.errors import Overloaded


def gate(places: int, seats: int) -> tuple[Admission, list[str], Callable[..., asyncio.Task[None]]]:
    """An admission, who was served in which order, and a way to send a request."""
    admission = Admission(max_concurrent=places, max_queued=seats)
    served: list[str] = []

    async def use(name: str, tenant: str, bulk: bool, until: asyncio.Event | None) -> None:
        async with admission.slot(5, tenant=tenant, bulk=bulk):
            served.append(name)
            if until is not None:
                await until.wait()

    def send(
        name: str, tenant: str = "a", *, bulk: bool = False, until: asyncio.Event | None = None
    ) -> asyncio.Task[None]:
        return asyncio.create_task(use(name, tenant, bulk, until))

    return admission, served, send


async def test_tenants_that_wait_take_turns() -> None:
    """Six waiting requests of one tenant and two of another: the two are not last."""
    _, served, send = gate(1, 20)
    go = asyncio.Event()
    first = send("first", until=go)
    await asyncio.sleep(0)
    rest = [send(f"a{at}") for at in range(6)] + [send(f"b{at}", "b") for at in range(2)]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(first, *rest)
    assert served == ["first", "a0", "b0", "a1", "b1", "a2", "a3", "a4", "a5"]


async def test_a_full_queue_gives_a_seat_to_who_fills_less_of_it() -> None:
    """The tenant that flooded the queue loses its latest request; the flooder itself gets no more seats."""
    admission, served, send = gate(1, 3)
    go = asyncio.Event()
    first = send("first", until=go)
    await asyncio.sleep(0)
    flood = [send(f"a{at}") for at in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        admission.check("a")
    admission.check("b")
    other = send("b0", "b")
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await flood[2]
    go.set()
    await asyncio.gather(first, flood[0], flood[1], other)
    assert served == ["first", "a0", "b0", "a1"]
    assert (admission.in_flight, admission.queued) == (0, 0)


async def test_arrays_leave_places_for_others_and_keep_one() -> None:
    """Arrays hold half of the places at most; among waiting requests they come last, but not never."""
    admission, served, send = gate(4, 20)
    go = asyncio.Event()
    arrays = [send(f"array{at}", bulk=True, until=go) for at in range(4)]
    await asyncio.sleep(0)
    assert served == ["array0", "array1"]
    single = [send(f"one{at}", until=go) for at in range(3)]
    await asyncio.sleep(0)
    assert served == ["array0", "array1", "one0", "one1"]
    go.set()
    await asyncio.gather(*arrays, *single)
    assert set(served) == {*(f"array{at}" for at in range(4)), *(f"one{at}" for at in range(3))}
    assert admission.in_flight == 0


async def test_what_would_wait_too_long_is_refused_at_once() -> None:
    """More characters than can be judged in the request's time: Overloaded, with the time to come back."""
    admission = Admission(max_concurrent=4, max_queued=4)
    most = int(admission.work.rate * 10)
    array = admission.slot(10, chars=most - 1, bulk=True)
    interactive = admission.slot(10, chars=100)  # it does not wait for bulk
    async with array, interactive:
        with pytest.raises(Overloaded) as refused:
            await admission.slot(10, chars=most, bulk=True).__aenter__()
    assert refused.value.retry_after_s is not None
    assert 9 < refused.value.retry_after_s < 11
    async with admission.slot(10, chars=most - 1, bulk=True):
        pass


def test_the_rate_is_what_was_seen() -> None:
    """Judging 1,000 characters a second for a while is believed; idle time does not count."""
    now = 0.0
    work = Work(lambda: now)
    for _ in range(200):
        with work.counted(1000, bulk=False):
            now += 1.0
        now += 50.0
    assert 950 < work.rate < 1100


def test_what_fails_is_not_counted_as_judged() -> None:
    """Time-outs make the rate lower, not higher."""
    now = 0.0
    work = Work(lambda: now)
    before = work.rate
    for _ in range(5):
        with contextlib.suppress(TimeoutError), work.counted(30_000, bulk=True):
            now += 5.0
            raise TimeoutError
    assert work.rate < before
    assert work.seconds(1000, bulk=False) == 1000 / work.rate
