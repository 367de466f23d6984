"""Admission, draining and rates."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import httpx
import pytest
from support.service import FakeServer, ScriptedService, client_of, delivered

from gateway.api.app import begin_drain, create_app, drained
from gateway.api.limits import Admission, RateLimiter
from gateway.core.errors import Overloaded, QuotaExceeded

PATH = "/v1/images/generations"


async def test_beyond_the_queue_the_answer_is_503_at_once(service: ScriptedService) -> None:
    """With 2 places and 1 seat, 3 of 6 requests are served and 3 refused at once with Retry-After."""
    go = asyncio.Event()

    async def wait(request: object) -> object:
        await go.wait()
        return delivered(request)  # type: ignore[arg-type]

    service.answer = wait
    service.settings = replace(service.settings, server=FakeServer(max_concurrent=2, max_queued=1))
    async with client_of(create_app(service)) as client:
        calls = [asyncio.ensure_future(client.post(PATH, json={"prompt": "x"})) for _ in range(6)]
        while sum(call.done() for call in calls) < 3:
            await asyncio.sleep(0.01)
        done, waiting = await asyncio.wait(calls, timeout=0.1)
        assert [call.result().status_code for call in done] == [503, 503, 503]
        assert all(call.result().headers["retry-after"] == "1" for call in done)
        assert len(service.requests) == 2
        go.set()
        assert [(await call).status_code for call in waiting] == [200, 200, 200]
    assert service.requests[0].deadline_s == 30.0
    assert 0 < service.requests[2].deadline_s < 29.9  # it waited 0.1 s


async def test_waiting_counts_as_a_moderation_s_time_too(service: ScriptedService) -> None:
    """A moderation that waited for a place is judged within what is left of the request's time."""
    go = asyncio.Event()

    async def wait(request: object) -> object:
        await go.wait()
        return delivered(request)  # type: ignore[arg-type]

    service.answer = wait
    service.settings = replace(service.settings, server=FakeServer(max_concurrent=1))
    app = create_app(service)
    async with client_of(app) as client:
        drawing = asyncio.ensure_future(client.post(PATH, json={"prompt": "x"}))
        while not service.requests:
            await asyncio.sleep(0.01)
        judging = asyncio.ensure_future(client.post("/v1/moderations", json={"input": "x"}))
        while not app.state.edge.admission.queued:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        go.set()
        assert [(await call).status_code for call in (drawing, judging)] == [200, 200]
        assert (await client.post("/v1/moderations", json={"input": "x"})).status_code == 200
    waited, at_once = service.moderated_within_s
    assert 0 < waited < 29.95
    assert at_once == 30.0


async def test_places_are_given_in_order_and_never_lost() -> None:
    """Waiters get places first come, first served; cancelled ones lose none, at any moment."""
    gate = Admission(max_concurrent=1, max_queued=50)
    order: list[int] = []

    async def use(number: int) -> None:
        async with gate.slot(5):
            order.append(number)
            await asyncio.sleep(0)

    tasks = [asyncio.ensure_future(use(number)) for number in range(20)]
    await asyncio.sleep(0)
    for number in (3, 4, 19):
        tasks[number].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [n for n in range(20) if n not in (3, 4, 19)]
    assert (gate.in_flight, gate.queued) == (0, 0)


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancel_while_a_place_is_handed_over_loses_nothing(turns: int) -> None:
    """Cancelling a waiter just before, at, or after its turn leaves the place usable."""
    gate = Admission(max_concurrent=1, max_queued=5)
    leave = asyncio.Event()

    async def hold() -> None:
        async with gate.slot(5):
            await leave.wait()

    holder = asyncio.ensure_future(hold())
    await asyncio.sleep(0)
    waiter = asyncio.ensure_future(hold())
    await asyncio.sleep(0)
    leave.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(holder, waiter, return_exceptions=True)
    assert (gate.in_flight, gate.queued) == (0, 0)
    async with asyncio.timeout(1), gate.slot(5):
        assert gate.in_flight == 1


async def test_waiting_counts_as_the_request_s_time() -> None:
    """Who waits has less time left for work, and who gets no place in time is refused."""
    gate = Admission(max_concurrent=1, max_queued=5)
    async with gate.slot(5) as all_of_it:
        assert all_of_it == 5
        with pytest.raises(Overloaded, match="in the request's time"):
            async with gate.slot(0.02):
                pytest.fail("there is no second place")
        waiter = asyncio.ensure_future(_left(gate))
        await asyncio.sleep(0.1)
    assert 4.5 < await waiter < 4.95
    assert (gate.in_flight, gate.queued) == (0, 0)


async def _left(gate: Admission) -> float:
    async with gate.slot(5) as left_s:
        return left_s


async def test_draining_is_red_first_and_finishes_what_was_accepted(service: ScriptedService) -> None:
    """After begin_drain: not ready, new work refused with a closed connection, accepted work delivered."""
    go = asyncio.Event()

    async def wait(request: object) -> object:
        await go.wait()
        return delivered(request)  # type: ignore[arg-type]

    service.answer = wait
    app = create_app(service)
    async with client_of(app) as client:
        accepted = asyncio.ensure_future(client.post(PATH, json={"prompt": "x"}))
        await asyncio.sleep(0.05)
        begin_drain(app)
        ready = await client.get("/readyz")
        refused = await client.post(PATH, json={"prompt": "x"})
        assert (ready.status_code, ready.json()["components"]["server"]) == (503, "draining")
        assert (await client.get("/healthz")).status_code == 200
        assert refused.status_code == 503
        assert refused.headers["connection"] == "close"
        assert "retry-after" in refused.headers
        go.set()
        assert await drained(app) is True
        assert (await accepted).status_code == 200


async def test_draining_ends_after_its_time(service: ScriptedService) -> None:
    """Work that does not end is waited for no longer than `drain_s`."""
    service.settings = replace(service.settings, server=FakeServer(drain_s=0.05))
    app = create_app(service)
    async with app.state.edge.admission.slot(5):
        started = time.monotonic()
        assert await drained(app) is False
        assert time.monotonic() - started < 20


async def test_the_lifespan_starts_and_stops_the_service(service: ScriptedService) -> None:
    """The service is started before and closed after, once accepted work is done."""
    app = create_app(service)
    async with app.router.lifespan_context(app):
        assert service.life == ["start"]
    assert service.life == ["start", "close"]
    with pytest.raises(Overloaded):
        app.state.edge.admission.check()


def test_a_bucket_refills_evenly() -> None:
    """A minute's worth at once, then one token per 1/rate of a minute; the error says when to come back."""
    now = 0.0
    rates = RateLimiter(lambda: now)
    for _ in range(6):
        rates.take("key", 6)
    with pytest.raises(QuotaExceeded) as raised:
        rates.take("key", 6)
    assert raised.value.retry_after_s == pytest.approx(10)
    now = 9.9
    with pytest.raises(QuotaExceeded):
        rates.take("key", 6)
    now = 10.1
    rates.take("key", 6)
    rates.take("other", 6)


async def test_a_full_server_still_answers_health_and_audit(service: ScriptedService) -> None:
    """Admission bounds work, not the watching of it."""
    service.settings = replace(service.settings, server=FakeServer(max_concurrent=1, max_queued=0))
    app = create_app(service)
    async with app.state.edge.admission.slot(5), client_of(app) as client:
        for path in ("/healthz", "/readyz", "/metrics", "/v1/audit/checkpoint", "/v1/models"):
            assert (await client.get(path)).status_code == 200
        response: httpx.Response = await client.post("/v1/moderations", json={"input": "x"})
        assert response.status_code == 503
