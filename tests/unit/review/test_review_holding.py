"""A hold is real: a ticket, a person, and then the pictures or a refusal; once, and never unseen."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.audit import verified
from support.gateway import POLICY, Painting, Scripted, scripted_gateway
from support.reviewing import ANN, EVERY, only_case, reviews

from gateway.audit.settings import AuditSettings
from gateway.core.errors import Conflict, NotFound
from gateway.core.requests import Caller
from gateway.review.types import Act, ActRequest, Ground

HOUR_US = 3_600_000_000
RELEASE, REFUSE = ActRequest(Act.RELEASE), ActRequest(Act.REFUSE)


class Clock:
    """Moves all of reviewing on together."""

    def __init__(self, scripted: Scripted) -> None:
        desk = scripted.gateway.desk
        self.clerk = scripted.gateway._clerk
        self.add_us, real = 0, desk._clock_us
        for part in (desk, self.clerk, desk._keeping, self.clerk._outbox):
            part._clock_us = lambda: real() + self.add_us

    async def later(self, us: int) -> None:
        self.add_us += us
        await self.clerk.step()


@pytest.fixture
async def painted(tmp_path: Path) -> AsyncIterator[tuple[Scripted, Painting]]:
    painting = Painting()
    async with scripted_gateway(tmp_path / "g", painting=painting) as gate:
        yield gate, painting


async def held(scripted: Scripted, prompt: str = "an unsure apple", **fields: Any) -> str:
    answer = await scripted.draw(prompt, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "moderation_held")
    return str(error["moderation"]["held"]["ticket"])


async def asked(scripted: Scripted, ticket: str) -> tuple[int, dict[str, Any]]:
    answer = await scripted.http.get(f"/v1/images/held/{ticket}")
    return answer.status_code, answer.json()


def kinds(scripted: Scripted) -> Any:
    return scripted.gateway.desk.store.read(
        lambda c: sorted({row["kind"] for row in c.execute("SELECT kind FROM kept")})
    )


async def test_a_held_prompt_waits_and_is_drawn_once_released(painted: tuple[Scripted, Painting]) -> None:
    """The client asks by its ticket; released, it gets a generation's answer, judged and on record."""
    scripted, painting = painted
    clock, ticket = Clock(scripted), await held(painted[0], n=2, seed=7)
    assert painting.requests == []
    assert (await asked(scripted, ticket))[1]["status"] == "waiting"
    case = await only_case(scripted)
    assert (case.id, case.ground) == (ticket, Ground.HELD)

    await scripted.gateway.desk.act(ANN, ticket, RELEASE)
    await clock.clerk.step()
    assert painting.requests == []  # it can still be undone
    await clock.later(11_000_000)

    status, body = await asked(scripted, ticket)
    assert (status, body["status"]) == (200, "released")
    assert [image["moderation"]["seed"] for image in body["data"]] == [7, 8]
    assert [request.prompt for request in painting.requests] == ["an unsure apple"]
    settle = reviews(scripted)[-1]
    assert (settle["act"], settle["settled"], settle["case"]) == ("settle", "released", ticket)
    sent = [hashlib.sha256(base64.b64decode(image["b64_json"])).hexdigest() for image in body["data"]]
    assert [out["sha256"] for out in settle["out"]] == sent
    assert (await asked(scripted, ticket))[1]["data"] == body["data"]
    await clock.clerk.step()
    assert len(painting.requests) == 1
    assert verified(AuditSettings(scripted.settings.data / "audit"))


async def test_a_refused_one_says_so_and_draws_nothing(painted: tuple[Scripted, Painting]) -> None:
    """The refusal is the record's; the client reads a public sentence."""
    scripted, painting = painted
    clock, ticket = Clock(scripted), await held(scripted)

    await scripted.gateway.desk.act(ANN, ticket, REFUSE)
    await clock.later(11_000_000)

    _, body = await asked(scripted, ticket)
    assert body["status"] == "refused"
    assert body["reason"]
    assert painting.requests == []
    with pytest.raises(Conflict):
        await scripted.gateway.desk.act(ANN, ticket, RELEASE)


async def test_an_undone_release_releases_nothing(painted: tuple[Scripted, Painting]) -> None:
    """Ten seconds are enough to take it back."""
    scripted, painting = painted
    clock, ticket = Clock(scripted), await held(scripted)

    done = await scripted.gateway.desk.act(ANN, ticket, RELEASE)
    await scripted.gateway.desk.undo(ANN, done.id)
    await clock.later(60_000_000)

    assert (await asked(scripted, ticket))[1]["status"] == "waiting"
    assert painting.requests == []


async def test_nobody_decides_so_it_is_refused(painted: tuple[Scripted, Painting]) -> None:
    """The policy's hours pass; the record names no reviewer."""
    scripted, _ = painted
    clock, ticket = Clock(scripted), await held(scripted)

    await clock.later(24 * HOUR_US + 1)

    assert (await asked(scripted, ticket))[1]["status"] == "refused"
    settle = reviews(scripted)[-1]
    assert (settle["settled"], settle["by"], settle["fault"]) == ("refused", None, "deadline")
    assert (await scripted.gateway.desk.queue(ANN, EVERY)).cases == ()


async def test_a_held_picture_is_delivered_as_it_was_judged(tmp_path: Path) -> None:
    """No second drawing: the very pixels that the reviewer saw."""
    painting = Painting(marks=[0, 3])
    async with scripted_gateway(tmp_path / "g", painting=painting) as scripted:
        clock = Clock(scripted)
        first = (await scripted.draw("an apple", n=2)).json()
        assert [image["moderation"]["index"] for image in first["data"]] == [0]
        ticket = first["moderation"]["held"]["ticket"]
        case = await only_case(scripted)
        assert case.has_tile
        full = await scripted.gateway.desk.picture(ANN, ticket, 1, "full")
        assert scripted.reader.get(full.access).public["picture"] == 1

        await scripted.gateway.desk.act(ANN, ticket, RELEASE)
        await clock.later(11_000_000)

        _, body = await asked(scripted, ticket)
        assert [image["moderation"]["index"] for image in body["data"]] == [1]
        assert base64.b64decode(body["data"][0]["b64_json"]) == full.content
        assert len(painting.requests) == 1
        assert verified(AuditSettings(scripted.settings.data / "audit"))


async def test_a_released_prompt_s_pictures_are_judged(tmp_path: Path) -> None:
    """A picture that the policy holds waits again, under the same ticket, and is not drawn twice."""
    painting = Painting(marks=[3])
    async with scripted_gateway(tmp_path / "g", painting=painting) as scripted:
        clock, desk = Clock(scripted), scripted.gateway.desk
        ticket = await held(scripted)
        await desk.act(ANN, ticket, RELEASE)
        await clock.later(11_000_000)

        assert (await asked(scripted, ticket))[1]["status"] == "waiting"
        case = await only_case(scripted)
        assert (case.id, case.has_tile) == (ticket, True)
        await desk.act(ANN, ticket, RELEASE)
        await clock.later(11_000_000)

        _, body = await asked(scripted, ticket)
        assert (body["status"], len(body["data"])) == ("released", 1)
        assert len(painting.requests) == 1
        assert verified(AuditSettings(scripted.settings.data / "audit"))


async def test_a_released_prompt_whose_pictures_are_blocked_is_refused(tmp_path: Path) -> None:
    """A release is no way around the rules for pictures."""
    async with scripted_gateway(tmp_path / "g", painting=Painting(marks=[1])) as scripted:
        clock, ticket = Clock(scripted), await held(scripted)
        await scripted.gateway.desk.act(ANN, ticket, RELEASE)
        await clock.later(11_000_000)

        _, body = await asked(scripted, ticket)
        assert (body["status"], body["reason"]) == ("refused", "Sexual picture.")


async def test_another_tenant_s_ticket_does_not_exist(painted: tuple[Scripted, Painting]) -> None:
    """A ticket alone opens nothing."""
    scripted, _ = painted
    ticket = await held(scripted)

    with pytest.raises(NotFound):
        await scripted.gateway.held(ticket, Caller(tenant="other"))
    assert (await asked(scripted, "01998c2e-5f0a-7c43-9b1e-2f4f3f0a7d11"))[0] == 404


async def test_a_full_store_blocks_and_says_so(painted: tuple[Scripted, Painting]) -> None:
    """Nothing is held that can't be kept, and no ticket is given for it."""
    scripted, _ = painted
    scripted.gateway.desk._keeping._max_bytes = 10

    answer = await scripted.draw("an unsure apple")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "moderation_blocked")
    assert "no more can be kept" in error["message"]
    case = await only_case(scripted)
    assert (case.ground, case.action) == (Ground.BLOCKED, "block")
    assert await kinds(scripted) == []


async def test_the_oldest_makes_room_but_never_what_a_hold_needs(tmp_path: Path) -> None:
    """What a policy keeps goes out first; a held request stays whole."""
    policy = POLICY + "keep_for_review: [{action: block, days: 3}]\n"
    async with scripted_gateway(tmp_path / "g", policy=policy, painting=Painting(marks=[1])) as scripted:
        ticket = await held(scripted)
        await scripted.draw("an apple")
        assert await kinds(scripted) == ["full", "request", "tile"]
        keeping = scripted.gateway.desk._keeping
        used = await keeping.used_bytes()
        keeping._max_bytes = used + 400  # less than another request needs, unless something goes

        await held(scripted, "an unsure pear")

        assert len(await keeping.places(ticket, "request")) == 1
        assert await kinds(scripted) != ["full", "request", "tile"]


async def test_what_could_not_be_kept_is_told(tmp_path: Path) -> None:
    """A picture that the policy wants kept and that found no room: the closing record says so."""
    policy = POLICY + "keep_for_review: [{action: block, days: 3}]\n"
    async with scripted_gateway(tmp_path / "g", policy=policy, painting=Painting(marks=[1])) as scripted:
        scripted.gateway.desk._keeping._max_bytes = 10
        await scripted.draw("an apple")

        case = await only_case(scripted)
        assert scripted.reader.get(case.id).public["kept"] == {"refused": "full"}
        assert await kinds(scripted) == []


async def test_by_default_nothing_is_kept_but_holds(tmp_path: Path) -> None:
    """Neither what was blocked nor what was allowed leaves anything behind."""
    async with scripted_gateway(tmp_path / "g", painting=Painting(marks=[1, 2, 0])) as scripted:
        await scripted.draw("an apple", n=3)
        assert await kinds(scripted) == []


async def test_what_a_policy_keeps_is_kept_for_its_days(tmp_path: Path) -> None:
    """Of a block tile and picture, of a sampled allow the tile alone; both are gone after their days."""
    policy = POLICY + "keep_for_review: [{rule: shown, days: 3}, {action: allow, days: 1}]\n"
    async with scripted_gateway(tmp_path / "g", policy=policy, painting=Painting(marks=[1, 0])) as scripted:
        clock = Clock(scripted)
        await scripted.draw("an apple", n=2)
        case = await only_case(scripted)
        detail = await scripted.gateway.desk.case(ANN, case.id)
        assert [(item.picture, item.kind) for item in detail.kept] == [(0, "tile"), (0, "full"), (1, "tile")]

        clock.clerk._swept_s = float("-inf")
        await clock.later(4 * 24 * HOUR_US)
        assert await kinds(scripted) == []
        with pytest.raises(NotFound):
            await scripted.gateway.desk.picture(ANN, case.id, 0)
