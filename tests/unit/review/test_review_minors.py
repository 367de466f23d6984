"""What a lock on minors caught: kept in no form, a queue of its own, escalated without being viewed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.gateway import POLICY, Looks, Painting, Scripted, scripted_gateway
from support.reviewing import ANN, LEAD, only_case

from classifiers.protocol import ClassifierCard
from classifiers.signals import Modality, Signal
from gateway.core.errors import Forbidden
from gateway.review.types import Act, ActRequest, CaseState

POLICY_THAT_KEEPS = (
    POLICY + "keep_for_review: [{action: block, days: 3}, {action: allow, days: 3}]\n"
    "review: {queues: [{category: hate, queue: hate}]}\n"
)


class LooksForMinors(Looks):
    """As `Looks`; a first pixel of 4 stands for what the lock is about: a number, no picture."""

    def __init__(self) -> None:
        super().__init__()
        self.card = ClassifierCard(
            "looks", "scripted", "1", Modality.IMAGE,
            frozenset({"sexual", "violence", "hate", "sexual/minors"}), (), "Apache-2.0", True,
        )  # fmt: skip

    def classify(self, batch: Sequence[Any]) -> Any:
        answers = super().classify(batch)
        marks = [int(pixels[0, 0, 0]) for pixels in batch]
        return [
            [*signals, Signal("sexual/minors", 0.95 if mark == 4 else 0.01, "looks", "1")]
            for signals, mark in zip(answers, marks, strict=True)
        ]


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[Scripted]:
    painting = Painting(marks=[4, 3, 1, 0])
    async with scripted_gateway(
        tmp_path / "g", policy=POLICY_THAT_KEEPS, looks=LooksForMinors(), painting=painting
    ) as gate:
        yield gate


async def kept(scripted: Scripted) -> int:
    count: int = await scripted.gateway.desk.store.read(
        lambda c: c.execute("SELECT count(*) AS n FROM kept").fetchone()["n"]
    )
    return count


async def test_nothing_of_the_request_is_kept_and_nothing_of_it_held(locked: Scripted) -> None:
    """Not the picture that the lock caught, nor its neighbours; what would be held is blocked."""
    answer = (await locked.draw("an apple", n=4)).json()

    assert await kept(locked) == 0
    assert "held" not in answer["moderation"]
    assert {one["action"] for one in answer["moderation"]["withheld"]} == {"block"}


async def test_its_case_has_a_queue_of_its_own_and_no_picture(locked: Scripted) -> None:
    """Nobody is led there unasked; the policy's routes don't apply; no picture is shown."""
    await locked.draw("an apple", n=4)
    case, desk = await only_case(locked), locked.gateway.desk

    assert (case.queue, case.minors, case.has_tile) == ("minors", True, False)
    assert await desk.next_case(ANN) is None
    assert (await desk.next_case(ANN, queue="minors")).case_id == case.id
    with pytest.raises(Forbidden):
        await desk.picture(ANN, case.id, 0)
    assert (await desk.case(ANN, case.id)).kept == ()


async def test_it_is_never_labelled_and_can_be_escalated_without_viewing(locked: Scripted) -> None:
    """Overturning and tagging are refused; escalating brings a lead."""
    await locked.draw("an apple", n=4)
    case, desk = await only_case(locked), locked.gateway.desk

    for asked in (ActRequest(Act.OVERTURN, to="allow", reason="no"), ActRequest(Act.TAG, tags=("a",))):
        with pytest.raises(Forbidden):
            await desk.act(LEAD, case.id, asked)
    assert (await desk.act(ANN, case.id, ActRequest(Act.ESCALATE))).state is CaseState.LEAD
    assert (await only_case(locked)).queue == "minors"
