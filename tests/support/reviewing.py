"""Reviewers at the desk of a scripted gateway, and what they find there."""

from __future__ import annotations

from typing import Any

from gateway.audit.filters import RecordFilter
from gateway.review.types import QueueQuery, Reviewer
from support.gateway import Scripted

ANN = Reviewer("key_ann", lead=False, tenant="default")
BEN = Reviewer("key_ben", lead=False, tenant="default")
LEAD = Reviewer("key_lead", lead=True, tenant=None)
EVERY = QueueQuery()


async def only_case(scripted: Scripted) -> Any:
    """The one case that waits."""
    page = await scripted.gateway.desk.queue(LEAD, EVERY)
    assert len(page.cases) == 1
    return page.cases[0]


def reviews(scripted: Scripted) -> list[Any]:
    """Every `review` record, oldest first."""
    found = scripted.reader.records(RecordFilter(type="review"), oldest_first=True)
    return [record.public for record in found.records]
