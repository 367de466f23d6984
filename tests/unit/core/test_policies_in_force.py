"""The policies in force: a leave to fail open ends while the server runs."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

from support.gateway import POLICY, Looks, Words, scripted_gateway

from gateway.audit.reader import RecordFilter
from gateway.core.policies_in_force import PoliciesInForce

OPEN = POLICY.replace(
    "    rules:\n      - {id: rude",
    "      - {name: gone, timeout_ms: 20000, on_failure: allow, reason: tests, until: 2999-01-01}\n"
    "    rules:\n      - {id: rude",
)


class Gone(Words):
    """Gives no measurement."""

    def __init__(self) -> None:
        super().__init__()
        self.card = dataclasses.replace(self.card, name="gone")

    def classify(self, batch: Any) -> Any:
        raise RuntimeError


async def test_the_day_after_a_classifier_fails_closed_without_a_restart(tmp_path: Path) -> None:
    """On the last day the others decide alone; on the next one nothing leaves."""
    day = [dt.date(2999, 1, 1)]

    def dated(real: PoliciesInForce) -> PoliciesInForce:
        return PoliciesInForce(real.book, "scripted", today=lambda: day[0])

    async with scripted_gateway(tmp_path / "g", policy=OPEN, more=[Gone()], policies=dated) as scripted:
        answer = await scripted.draw("a red apple")
        assert (answer.status_code, answer.json()["moderation"]["degraded"]) == (200, True)
        day[0] = dt.date(2999, 1, 2)
        closed = await scripted.draw("a red apple")
    assert (closed.status_code, closed.json()["error"]["code"]) == (503, "classifier_unavailable")


async def test_the_new_revision_is_on_record_before_it_serves(tmp_path: Path) -> None:
    """A record names the policy's revision from the day after on."""
    async with scripted_gateway(tmp_path / "g", policy=OPEN, more=[Gone()], looks=Looks()) as scripted:
        await scripted.gateway.start()
        in_force = scripted.gateway.policies
        in_force._today = lambda: dt.date(2999, 1, 2)  # type: ignore[method-assign]
        policy = in_force.get(None)
        await scripted.draw("a red apple")  # waits until the log is durable
        records = scripted.reader.records(RecordFilter(type="config")).records
        await scripted.gateway.close()
    told = records[0].public
    assert told["event"] == "fail-open ended"
    assert told["policies"] == [{"name": "scripted", "revision": policy.ref.revision}]
