"""The longest texts that are taken, at their worst: judged or refused, and nobody else waits for them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.gateway import scripted_gateway

LONGEST = 32_000


async def _turns() -> int:
    """How often the event loop came round, until cancelled."""
    turns = 0
    try:
        while True:
            await asyncio.sleep(0.001)
            turns += 1
    except asyncio.CancelledError:
        return turns


@pytest.mark.parametrize("written", ["\u043a\u0456ll ", "\u0430", "k\u200bi\u200bll "])
async def test_a_long_trick_holds_nobody_up(written: str, tmp_path: Path) -> None:
    """While 32,000 tricky characters are read, the event loop goes on serving others."""
    text = (written * LONGEST)[:LONGEST]
    async with scripted_gateway(tmp_path / "g") as scripted:
        watch = asyncio.create_task(_turns())
        await asyncio.sleep(0)
        answers = await asyncio.gather(*(scripted.draw(text) for _ in range(4)))
        watch.cancel()
        turns = await watch
    assert {answer.status_code for answer in answers} <= {200, 400, 503, 504}
    assert turns >= 10  # a loop that reads the texts itself comes round once or twice for each


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/moderations"])
async def test_a_flood_of_ligatures_is_refused(path: str, tmp_path: Path) -> None:
    """A text that is eighteen times as long once spelled out is a wrong request, on record, and quick."""
    field = "prompt" if path.endswith("generations") else "input"
    async with scripted_gateway(tmp_path / "g") as scripted:
        answer = await scripted.http.post(
            path, json={field: "\ufdfa" * LONGEST}, headers={"x-request-id": "flood"}
        )
        trail = scripted.trail("flood")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert "\ufdfa" not in answer.text
    assert trail[-1]["outcome"] == "error"
