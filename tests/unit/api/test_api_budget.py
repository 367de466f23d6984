"""What lies in memory is bounded over all requests; readers of the log have few places of their own."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import numpy as np
import pybase64
import pytest
from PIL import Image
from support.service import FakeServer, ScriptedService, client_of

from gateway.api.app import create_app
from gateway.api.budget import KEPT_FOR_SMALL, SMALL_BYTES, ByteBudget, Readers, Share
from gateway.core.errors import Overloaded

GENERATE = "/v1/images/generations"


def test_shares_add_up_and_come_back() -> None:
    """What one request holds is missing to the others until it ends; nothing is taken by a refusal."""
    budget = ByteBudget(80 * SMALL_BYTES)
    first, second = Share(budget), Share(budget)
    first.take(60 * SMALL_BYTES)
    with pytest.raises(Overloaded):
        second.take(11 * SMALL_BYTES)
    assert budget.held_bytes == 60 * SMALL_BYTES
    second.take(10 * SMALL_BYTES)
    first.close()
    first.close()
    assert budget.held_bytes == 10 * SMALL_BYTES


def test_small_requests_keep_their_part() -> None:
    """Large bodies can't take the last eighth, so that prompts still come in."""
    budget = ByteBudget(80 * SMALL_BYTES)
    Share(budget).take(80 * SMALL_BYTES - 80 * SMALL_BYTES // KEPT_FOR_SMALL)
    with pytest.raises(Overloaded):
        Share(budget).take(SMALL_BYTES + 1)
    small = Share(budget)
    small.take(SMALL_BYTES)
    with pytest.raises(Overloaded):
        small.take(1)  # no longer small


def test_one_alone_is_never_refused() -> None:
    """A request that is larger than the budget waits for the others, not for ever."""
    budget = ByteBudget(100)
    alone = Share(budget)
    alone.take(1_000)
    with pytest.raises(Overloaded):
        Share(budget).take(1)
    alone.close()
    Share(budget).take(2_000)


async def test_readers_wait_in_a_short_line() -> None:
    """So many at once, so many behind them, the next is refused; places come back."""
    readers = Readers(1, waiting=1)
    entered: list[int] = []

    async def read(number: int) -> None:
        async with readers.place():
            entered.append(number)
            await asyncio.sleep(0.01)

    first, second = asyncio.ensure_future(read(1)), asyncio.ensure_future(read(2))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await read(3)
    await asyncio.gather(first, second)
    await read(4)
    assert entered == [1, 2, 4]


async def test_a_body_that_finds_no_room_is_503(service: ScriptedService) -> None:
    """503 with Retry-After, whether or not a length was announced; afterwards nothing is held."""
    service.settings = replace(service.settings, server=FakeServer(max_held_bytes=2 * SMALL_BYTES))
    app = create_app(service)
    held = Share(app.state.edge.memory)
    held.take(2 * SMALL_BYTES - 100)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 1_000

    async with client_of(app) as client:
        for content in (b" " * 10_000, pieces()):
            headers = {"content-type": "application/json"}
            answer = await client.post("/v1/moderations", content=content, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
            assert app.state.edge.memory.held_bytes == 2 * SMALL_BYTES - 100
        held.close()
        assert (await client.post("/v1/moderations", json={"input": "a red apple"})).status_code == 200
        metrics = (await client.get("/metrics")).text
    assert app.state.edge.memory.held_bytes == 0
    assert "imagegate_held_bytes 0.0" in metrics


async def test_pictures_that_will_be_drawn_are_counted_before(service: ScriptedService) -> None:
    """The room for an answer is taken before anything is drawn, not missed after it is on record."""
    service.settings = replace(service.settings, server=FakeServer(max_held_bytes=2 * SMALL_BYTES))
    app = create_app(service)
    held = Share(app.state.edge.memory)
    held.take(2 * SMALL_BYTES - 100_000)
    drawn: list[object] = []
    service.answer = drawn.append
    async with client_of(app) as client:
        body = {"prompt": "a red apple", "n": 4, "size": "128x128"}
        for more in ({}, {"stream": True}):
            answer = await client.post(GENERATE, json={**body, **more})
            assert answer.status_code == 503, answer.text
        assert not drawn


async def test_an_upload_that_finds_no_room_is_not_malformed(service: ScriptedService) -> None:
    """A small file of many pixels is counted by its pixels: 503, never 400."""
    service.settings = replace(service.settings, server=FakeServer(max_held_bytes=2 * SMALL_BYTES))
    app = create_app(service)
    held = Share(app.state.edge.memory)
    held.take(SMALL_BYTES)
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((1024, 1024, 3), np.uint8)).save(buffer, "PNG")
    files = {"image": ("a.png", buffer.getvalue(), "image/png")}
    async with client_of(app) as client:
        answer = await client.post("/v1/images/edits", data={"prompt": "a sun"}, files=files)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded"), answer.text
    assert pybase64.b64encode(buffer.getvalue())[:10].decode() not in answer.text


@pytest.mark.parametrize("path", ["records", "records/r1", "records/r1/proof"])
async def test_reads_of_the_log_have_few_places(service: ScriptedService, path: str) -> None:
    """One more than may read and wait is 503 with Retry-After; generating goes on."""
    service.settings = replace(service.settings, server=FakeServer(max_audit_readers=1))
    service.records = [{"id": "r1", "tenant": "default"}]
    app = create_app(service)
    readers: Readers = app.state.edge.readers
    readers._inside = 5
    async with client_of(app) as client:
        full: httpx.Response = await client.get(f"/v1/audit/{path}")
        assert (full.status_code, full.json()["error"]["code"]) == (503, "overloaded")
        assert int(full.headers["retry-after"]) >= 1
        assert (await client.post(GENERATE, json={"prompt": "a red apple"})).status_code == 200
        readers._inside = 0
        assert (await client.get(f"/v1/audit/{path}")).status_code == 200
