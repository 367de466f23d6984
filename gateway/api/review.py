"""`/v1/review/…`: the review desk over HTTP, for reviewers' keys.

Duty: parse, one call, render. Rights, locks and records are the desk's (`gateway.review.desk`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.api import responses
from gateway.api.auth import REVIEW
from gateway.api.body import read_json
from gateway.api.edge import edge_of
from gateway.api.form import refuse_foreign_pages
from gateway.api.keys import Role
from gateway.api.problems import JSON
from gateway.core.requests import Caller
from gateway.review.desk import ReviewDesk
from gateway.review.types import Act, ActRequest, CaseState, Ground, QueueQuery, Reviewer

router: Final = APIRouter(tags=["review"])
_FRESH: Final = {"cache-control": "no-store"}
_Word = Annotated[str, Field(min_length=1, max_length=128)]


class ReviewQuery(BaseModel):
    """Filters of the queue; all that are given must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    queue: _Word | None = Field(None, description="One queue; `lead` for what waits for a lead.")
    ground: Ground | None = Field(None, description="Why a case is there.")
    state: CaseState | None = Field(None, description="Absent: every case that waits.")
    tenant: _Word | None = Field(None, description="Another tenant than the key's own: admin only.")
    cursor: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="`next_cursor` of the page before."
    )
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class ReviewActRequest(BaseModel):
    """What a reviewer does to a case."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    act: Literal["confirm", "overturn", "release", "refuse", "later", "escalate", "note", "tag"]
    to: Literal["allow", "rewrite", "block"] | None = Field(None, description="With overturn.")
    reason: Annotated[str, Field(max_length=64)] | None = Field(None, description="A short word.")
    note: Annotated[str, Field(max_length=4000)] | None = Field(None, description="For colleagues; sealed.")
    tags: Annotated[list[str], Field(max_length=16)] = Field(default_factory=list)


@router.get(
    "/v1/review/cases", summary="List cases that wait", response_class=Response, responses=responses.REVIEW
)
async def list_cases(request: Request, query: Annotated[ReviewQuery, Query()]) -> Response:
    """Held requests first, then by ground, priority and age; follow `next_cursor` until it is null."""
    desk, who = _desk(request)
    page = await desk.queue(who, QueueQuery(**dict(query)))
    return _json({"data": [asdict(case) for case in page.cases], "next_cursor": page.next_cursor})


@router.get(
    "/v1/review/queues", summary="Count what waits", response_class=Response, responses=responses.REVIEW
)
async def list_queues(request: Request) -> Response:
    """Each queue with how many cases wait, how many of them are held, and since when."""
    desk, who = _desk(request)
    return _json({"data": [asdict(count) for count in await desk.counts(who)]})


@router.get(
    "/v1/review/cases/{case_id}",
    summary="Read a case",
    response_class=Response,
    responses=responses.REVIEW_ONE,
)
async def read_case(request: Request, case_id: str) -> Response:
    """The request's records, what was done, what is kept; sealed text and pictures are opened apart."""
    desk, who = _desk(request)
    return _json(asdict(await desk.case(who, case_id)))


@router.post(
    "/v1/review/cases/{case_id}/lock",
    summary="Take a case in hand",
    response_class=Response,
    responses=responses.REVIEW_ONE,
)
async def lock_case(request: Request, case_id: str) -> Response:
    """For ten minutes; again to extend. `acquired` is false while another reviewer has it."""
    desk, who = _desk(request, changes=True)
    return _json(asdict(await desk.open_case(who, case_id)))


@router.post(
    "/v1/review/cases/{case_id}/free",
    summary="Give a case back",
    response_class=Response,
    responses=responses.REVIEW_ONE,
)
async def free_case(request: Request, case_id: str) -> Response:
    """Nothing happens when the key does not have it."""
    desk, who = _desk(request, changes=True)
    await desk.free(who, case_id)
    return _json({"case_id": case_id, "acquired": False})


@router.post(
    "/v1/review/cases/{case_id}/unseal",
    summary="Read a case's sealed texts",
    response_class=Response,
    responses=responses.REVIEW_ONE,
)
async def unseal_case(request: Request, case_id: str) -> Response:
    """Prompts, rewrites and who asked, by record; the look is on record first."""
    desk, who = _desk(request, changes=True)
    return _json(asdict(await desk.texts(who, case_id)))


@router.post(
    "/v1/review/cases/{case_id}/pictures/{picture}",
    summary="Look at a kept picture",
    response_class=Response,
    responses=responses.REVIEW_PICTURE,
)
async def show_picture(
    request: Request, case_id: str, picture: int, kind: Literal["tile", "full", "source"] = "tile"
) -> Response:
    """Its bytes; the look is on record first, and the header `x-imagegate-access` names that record."""
    desk, who = _desk(request, changes=True)
    opened = await desk.picture(who, case_id, picture, kind)
    headers = {**_FRESH, "x-imagegate-access": opened.access}
    return Response(opened.content, headers=headers, media_type=opened.mime)


@router.post(
    "/v1/review/cases/{case_id}/acts",
    summary="Act on a case",
    response_class=Response,
    responses=responses.REVIEW_ACT,
    openapi_extra=responses.body_of(ReviewActRequest),
)
async def act_on_case(request: Request, case_id: str) -> Response:
    """Confirm, overturn, release and the like; a `review` record is durable first."""
    desk, who = _desk(request, changes=True)
    limit = edge_of(request).service.settings.server.max_body_bytes
    body = await read_json(request, limit_bytes=limit, model=ReviewActRequest)
    asked = ActRequest(Act(body.act), body.to, body.reason, body.note, tuple(body.tags))
    return _json(asdict(await desk.act(who, case_id, asked)))


@router.post(
    "/v1/review/acts/{act_id}/undo",
    summary="Take an act back",
    response_class=Response,
    responses=responses.REVIEW_ACT,
)
async def undo_act(request: Request, act_id: str) -> Response:
    """Before its effect leaves; another record says so."""
    desk, who = _desk(request, changes=True)
    return _json(asdict(await desk.undo(who, act_id)))


def reviewer_of(caller: Caller) -> Reviewer:
    """Return who reviews: a key of role `admin` is a lead's and sees every tenant."""
    lead = caller.role == Role.ADMIN.value
    return Reviewer(caller.actor, lead=lead, tenant=None if lead else caller.tenant)


def _desk(request: Request, *, changes: bool = False) -> tuple[ReviewDesk, Reviewer]:
    edge = edge_of(request)
    caller = edge.keys.authenticate(request, REVIEW)
    if changes:
        refuse_foreign_pages(request)
    return edge.service.desk, reviewer_of(caller)


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), headers=_FRESH, media_type=JSON)
