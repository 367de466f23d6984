"""The desk: queues in their order, locks, looks and acts on record, two reviewers and a lead."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.gateway import POLICY, Scripted, scripted_gateway
from support.reviewing import ANN, BEN, EVERY, LEAD, only_case, reviews

from gateway.core.errors import Conflict, Forbidden, NotFound, RequestInvalid
from gateway.review.types import Act, ActRequest, CaseState, Ground, QueueQuery

SECOND = POLICY + "review: {second_reviewer: {share: 1}, reason_for: [overturn]}\n"


@pytest.fixture
async def second(tmp_path: Path) -> AsyncIterator[Scripted]:
    async with scripted_gateway(tmp_path / "s", policy=SECOND) as gate:
        yield gate


def desk_of(scripted: Scripted) -> Any:
    return scripted.gateway.desk


async def test_the_queue_shows_what_needs_a_look_in_its_order(scripted: Scripted) -> None:
    """Blocks before rewrites; what was simply allowed is no case."""
    await scripted.draw("a rude apple")
    await scripted.draw("a violent apple")
    await scripted.draw("an apple")

    page = await desk_of(scripted).queue(ANN, EVERY)

    assert [row.ground for row in page.cases] == [Ground.BLOCKED, Ground.REWRITTEN]
    assert [row.action for row in page.cases] == ["block", "rewrite"]
    assert page.cases[0].rules == ("violent",)
    assert page.cases[0].categories == ("violence",)
    assert page.next_cursor is None


async def test_pages_follow_each_other_without_doubles(scripted: Scripted) -> None:
    """Following the cursor shows each case once."""
    for number in range(5):
        await scripted.draw(f"a violent apple {number}")

    seen, cursor = [], None
    while True:
        page = await desk_of(scripted).queue(ANN, QueueQuery(limit=2, cursor=cursor))
        seen += [row.id for row in page.cases]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert len(seen) == len(set(seen)) == 5


async def test_an_act_is_a_record_that_points_at_the_decision(scripted: Scripted) -> None:
    """The record names case, decision and the reviewer's hash; key and note are sealed."""
    await scripted.draw("a violent apple")
    case = await only_case(scripted)

    done = await desk_of(scripted).act(
        ANN, case.id, ActRequest(Act.OVERTURN, to="allow", reason="art", note="A painting by a known name.")
    )

    (record,) = reviews(scripted)
    assert record["id"] == done.id
    assert (record["act"], record["to"], record["decision"]) == ("overturn", "allow", case.decision)
    assert "key_ann" not in str(record)
    assert "painting" not in str(record)
    assert scripted.reader.unseal(done.id) == {"actor": "key_ann", "note": "A painting by a known name."}
    assert done.state is CaseState.DECIDED
    detail = await desk_of(scripted).case(ANN, case.id)
    assert [act.act for act in detail.acts] == [Act.OVERTURN]
    assert detail.row.state is CaseState.DECIDED
    assert (await desk_of(scripted).queue(ANN, EVERY)).cases == ()


async def test_an_act_can_be_undone_in_time_by_who_did_it(scripted: Scripted) -> None:
    """The undo is another record; the case is open again; nobody else's undo counts."""
    await scripted.draw("a violent apple")
    case = await only_case(scripted)
    done = await desk_of(scripted).act(ANN, case.id, ActRequest(Act.CONFIRM))

    with pytest.raises(Forbidden):
        await desk_of(scripted).undo(BEN, done.id)
    undone = await desk_of(scripted).undo(ANN, done.id)

    assert undone.state is CaseState.OPEN
    with pytest.raises(Conflict):
        await desk_of(scripted).undo(ANN, done.id)
    assert [record["act"] for record in reviews(scripted)] == ["confirm", "undo"]


async def test_an_act_can_not_be_undone_too_late(scripted: Scripted) -> None:
    """Once the effect may have left there is nothing to take back."""
    await scripted.draw("a violent apple")
    case = await only_case(scripted)
    done = await desk_of(scripted).act(ANN, case.id, ActRequest(Act.CONFIRM))

    desk = desk_of(scripted)
    desk._clock_us = lambda: done.effective_us
    with pytest.raises(Conflict):
        await desk.undo(ANN, done.id)


async def test_one_reviewer_at_a_time_has_a_case(scripted: Scripted) -> None:
    """The second one is told who has it and until when, and can't act; freed, it can be taken."""
    await scripted.draw("a violent apple")
    case = await only_case(scripted)
    desk = desk_of(scripted)

    first = await desk.open_case(ANN, case.id)
    refused = await desk.open_case(BEN, case.id)

    assert first.acquired
    assert (refused.acquired, refused.locked_by, refused.until_us) == (False, "key_ann", first.until_us)
    assert await desk.next_case(BEN) is None
    with pytest.raises(Conflict):
        await desk.act(BEN, case.id, ActRequest(Act.CONFIRM))
    await desk.free(ANN, case.id)
    assert (await desk.next_case(BEN)).acquired


async def test_two_reviewers_who_agree_decide(second: Scripted) -> None:
    """The second one is blind to the first, and one person is never both."""
    await second.draw("a violent apple")
    case, desk = await only_case(second), desk_of(second)

    done = await desk.act(ANN, case.id, ActRequest(Act.CONFIRM, note="clear"))
    assert done.state is CaseState.SECOND
    with pytest.raises(Conflict):
        await desk.act(ANN, case.id, ActRequest(Act.CONFIRM))
    blind = await desk.case(BEN, case.id)
    assert blind.blind
    assert blind.acts == ()
    assert all(record["type"] != "review" for record in blind.records)
    assert not (await desk.case(ANN, case.id)).blind

    assert (await desk.act(BEN, case.id, ActRequest(Act.CONFIRM))).state is CaseState.DECIDED


async def test_disagreement_goes_to_a_lead(second: Scripted) -> None:
    """Only a lead's key decides then, and its word is the last."""
    await second.draw("a violent apple")
    case, desk = await only_case(second), desk_of(second)
    await desk.act(ANN, case.id, ActRequest(Act.CONFIRM))

    split = await desk.act(BEN, case.id, ActRequest(Act.OVERTURN, to="allow", reason="art"))

    assert split.state is CaseState.LEAD
    assert [count.queue for count in await desk.counts(LEAD)] == ["lead"]
    with pytest.raises(Forbidden):
        await desk.act(ANN, case.id, ActRequest(Act.CONFIRM))
    decided = await desk.act(LEAD, case.id, ActRequest(Act.OVERTURN, to="allow", reason="art"))
    assert decided.state is CaseState.DECIDED


async def test_a_look_is_on_record_before_anything_is_opened(scripted: Scripted) -> None:
    """Prompts and who asked open together, and one access record names them all."""
    await scripted.draw("a violent apple", user="somebody")
    case = await only_case(scripted)

    opened = await desk_of(scripted).texts(ANN, case.id)

    assert {"a violent apple"} == {
        fields["prompt"] for fields in opened.fields.values() if "prompt" in fields
    }
    assert any("somebody" in fields.get("actor", "") for fields in opened.fields.values())
    access = scripted.reader.get(opened.access).public
    assert access["case"] == case.id
    assert scripted.reader.unseal(opened.access) == {"actor": "key_ann"}


async def test_another_tenant_s_cases_do_not_exist(scripted: Scripted) -> None:
    """A reviewer of one tenant can't tell whether another's case is there."""
    from gateway.review.types import Reviewer

    await scripted.draw("a violent apple")
    case, stranger = await only_case(scripted), Reviewer("key_x", lead=False, tenant="other")
    desk = desk_of(scripted)

    assert (await desk.queue(stranger, EVERY)).cases == ()
    for asked in (desk.case, desk.open_case, desk.texts):
        with pytest.raises(NotFound):
            await asked(stranger, case.id)
    with pytest.raises(NotFound):
        await desk.act(stranger, case.id, ActRequest(Act.CONFIRM))
    with pytest.raises(Forbidden):
        await desk.queue(stranger, QueueQuery(tenant="default"))


@pytest.mark.parametrize(
    "asked",
    [
        ActRequest(Act.OVERTURN),
        ActRequest(Act.OVERTURN, to="draw"),
        ActRequest(Act.CONFIRM, to="allow"),
        ActRequest(Act.CONFIRM, reason="Not one word"),
        ActRequest(Act.TAG),
        ActRequest(Act.TAG, tags=("Two words",)),
        ActRequest(Act.NOTE),
        ActRequest(Act.NOTE, note="x" * 4001),
        ActRequest(Act.UNDO),
    ],
)
async def test_an_act_that_lacks_something_is_refused(scripted: Scripted, asked: ActRequest) -> None:
    """Nothing is on record then."""
    await scripted.draw("a violent apple")
    case = await only_case(scripted)

    with pytest.raises(RequestInvalid):
        await desk_of(scripted).act(ANN, case.id, asked)
    assert reviews(scripted) == []


async def test_a_policy_s_reason_is_asked_for(second: Scripted) -> None:
    """`reason_for` is enforced by the server."""
    await second.draw("a violent apple")
    case = await only_case(second)

    assert (await desk_of(second).case(ANN, case.id)).reason_needed == (Act.OVERTURN,)
    with pytest.raises(RequestInvalid, match="reason"):
        await desk_of(second).act(ANN, case.id, ActRequest(Act.OVERTURN, to="allow"))


async def test_a_bulk_is_one_record_a_case_and_tells_what_was_left(scripted: Scripted) -> None:
    """What can't be done is named, and stops nothing else."""
    for number in range(3):
        await scripted.draw(f"a violent apple {number}")
    desk = desk_of(scripted)
    ids = [row.id for row in (await desk.queue(ANN, EVERY)).cases]
    await desk.open_case(BEN, ids[1])

    bulk = await desk.act_many(ANN, [*ids, "gone"], ActRequest(Act.CONFIRM, tags=("batch",)))

    assert [done.case_id for done in bulk.done] == [ids[0], ids[2]]
    assert [refused.case_id for refused in bulk.refused] == [ids[1], "gone"]
    assert len(reviews(scripted)) == 2


async def test_a_rebuild_gives_the_same_cases_and_acts(second: Scripted) -> None:
    """What binds is in the log: the second database is only a way to find it."""
    for prompt in ("a violent apple", "a rude apple", "an unsure apple", "an apple"):
        await second.draw(prompt, user="somebody")
    desk = desk_of(second)
    cases = (await desk.queue(LEAD, EVERY)).cases
    await desk.act(ANN, cases[1].id, ActRequest(Act.CONFIRM, tags=("a", "b")))
    undone = await desk.act(BEN, cases[2].id, ActRequest(Act.CONFIRM))
    await desk.undo(BEN, undone.id)

    async def content() -> list[Any]:
        tables = ("requests", "request_marks", "cases", "acts", "end_users", "meta")
        return [
            [
                tuple(row)
                for row in await desk.store.read(lambda c, t=t: c.execute(f"SELECT * FROM {t}").fetchall())
            ]
            for t in tables
        ]

    before = await content()
    assert await desk.follower.rebuild() > 0
    assert await content() == before


async def test_the_log_with_acts_verifies(scripted: Scripted) -> None:
    """The verifier knows reviews; one that points nowhere is found."""
    from support.audit import verified

    from gateway.audit.record import new_id
    from gateway.audit.settings import AuditSettings
    from gateway.core.ports import RecordDraft

    await scripted.draw("a violent apple")
    case = await only_case(scripted)
    done = await desk_of(scripted).act(ANN, case.id, ActRequest(Act.CONFIRM))
    await desk_of(scripted).undo(ANN, done.id)
    settings = AuditSettings(scripted.settings.data / "audit")
    assert verified(settings)

    stray = {"act": "confirm", "case": new_id(), "decision": new_id()}
    scripted.log.append(RecordDraft("review", new_id(), stray)).result()
    with pytest.raises(AssertionError, match="reviews"):
        verified(settings)
