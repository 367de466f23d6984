"""kill -9 between every two steps of a hold and of a release: nothing leaves unrecorded, twice, or never."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.audit import verified
from support.gateway import Painting, Scripted, scripted_gateway
from support.reviewing import reviews

from gateway.audit.settings import AuditSettings
from gateway.core.requests import Caller
from gateway.review.types import TicketState

ROOT = Path(__file__).parents[2]
PICTURE, PROMPT = 3, 0
MOST_STEPS = 60


def killed(folder: Path, phase: str, mark: int, kill_at: int) -> bool:
    """Run the gateway until it kills itself; False when it came to its end before that."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}",
        "IMAGEGATE_REVIEW__UNDO_S": "0",
    }
    command = [sys.executable, "-m", "support.release_crash", str(folder), phase, str(mark), str(kill_at)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode != 0


async def settled(scripted: Scripted, ticket: str) -> Any:
    """What the next start makes of it: every step that is due, some of them twice."""
    for _ in range(3):
        await scripted.gateway._clerk.step()
    return await scripted.gateway.held(ticket, Caller())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mark", [PROMPT, PICTURE], ids=["prompt", "picture"])
async def test_a_release_survives_a_kill_at_every_step(
    tmp_path: Path, mark: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever step it was: one settling record, whose pictures are those that the client gets."""
    monkeypatch.setenv("IMAGEGATE_REVIEW__UNDO_S", "0")
    kill_at = 0
    while True:
        kill_at += 1
        assert kill_at < MOST_STEPS
        folder = tmp_path / str(kill_at)
        folder.mkdir()
        if not killed(folder, "release", mark, kill_at):
            break
        ticket = (folder / "ticket").read_text()
        async with scripted_gateway(folder, painting=Painting(marks=[mark])) as scripted:
            before = await scripted.gateway.held(ticket, Caller())
            assert (before.held is not None) == (
                len([r for r in reviews(scripted) if r["act"] == "settle"]) > 0
                and before.ticket.state is TicketState.RELEASED
            )

            after = await settled(scripted, ticket)

            (settle,) = [record for record in reviews(scripted) if record["act"] == "settle"]
            assert settle["settled"] == "released"
            body = (await scripted.http.get(f"/v1/images/held/{ticket}")).json()
            sent = [hashlib.sha256(base64.b64decode(one["b64_json"])).hexdigest() for one in body["data"]]
            assert sent == [out["sha256"] for out in settle["out"]]
            assert after.held is not None
            tickets = await scripted.gateway.desk.store.read(
                lambda c: c.execute("SELECT count(*) AS n FROM tickets").fetchone()["n"]
            )
            assert tickets == 1
        assert verified(AuditSettings(folder / "audit"))
    assert kill_at > 8


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mark", [PROMPT, PICTURE], ids=["prompt", "picture"])
async def test_a_hold_survives_a_kill_at_every_step(tmp_path: Path, mark: int) -> None:
    """A ticket that its client has is a case that waits; a hold that is not on record is nobody's."""
    kill_at = 0
    while True:
        kill_at += 1
        assert kill_at < MOST_STEPS
        folder = tmp_path / str(kill_at)
        folder.mkdir()
        if not killed(folder, "hold", mark, kill_at):
            break
        async with scripted_gateway(folder, painting=Painting(marks=[mark])) as scripted:
            await scripted.gateway.desk.follower.catch_up()
            states = await scripted.gateway.desk.store.read(
                lambda c: c.execute(
                    "SELECT t.state, c.id FROM tickets t LEFT JOIN cases c USING (id)"
                ).fetchall()
            )
            assert [(row["state"], row["id"] is None) for row in states] in (
                [], [("kept", True)], [("waiting", False)],
            )  # fmt: skip
        assert verified(AuditSettings(folder / "audit"))
    assert kill_at > 4
