"""One case: opening it takes it in hand and puts the look at its texts on record; acts, undo, pictures."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.console.case_view import opened_of, view_of
from gateway.api.console.queue import undo_of
from gateway.api.console.rendering import HEADERS, go, now_us, render
from gateway.api.console.visitor import HOME, Fields, Visitor, act, common, page
from gateway.api.edge import edge_of
from gateway.core.errors import (
    AuditUnavailable,
    Conflict,
    Forbidden,
    GatewayError,
    NotFound,
    PolicyUnavailable,
    RequestInvalid,
)
from gateway.review import finding
from gateway.review.proving import altered
from gateway.review.types import Act as Deed
from gateway.review.types import ActRequest, CaseDetail, Ground, OpenedTexts, QueueQuery
from policies.policy import Policy

REASONS: Final = (
    "clear-case", "in-context", "art", "medical", "news", "quoted", "false-match", "policy-gap", "other",
)  # fmt: skip
"""Offered with the keys 1 to 9; any other short word can be typed."""
_PROVED_AT_ONCE: Final = 50_000
"""Up to this size of the log the proof is checked unasked; beyond it on demand."""
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")


@page
async def case(request: Request, visitor: Visitor) -> Response:
    """The whole case on one screen."""
    case_id = _case_id(request)
    lock = await visitor.desk.open_case(visitor.who, case_id)
    detail = await visitor.desk.case(visitor.who, case_id)
    wants_texts = not detail.row.minors or request.query_params.get("texts") == "open"
    return await _shown(request, visitor, detail, lock.acquired, wants_texts=wants_texts)


@act
async def acted(request: Request, visitor: Visitor, fields: Fields) -> Response:
    """Put an act on record; a decision leads to the next case, anything else back to this one."""
    case_id = _case_id(request)
    try:
        asked = _asked(fields)
        done = await visitor.desk.act(visitor.who, case_id, asked)
    except (RequestInvalid, Conflict, Forbidden) as error:
        detail = await visitor.desk.case(visitor.who, case_id)
        mine = detail.lock.acquired
        return await _shown(
            request, visitor, detail, mine, wants_texts=not detail.row.minors, fault=error, typed=fields
        )
    after = {"act": done.id, "did": done.act.value, "until": str(done.effective_us)}
    if not (done.act.decides or done.act in (Deed.LATER, Deed.ESCALATE)):
        return go(f"{HOME}/cases/{case_id}?{urlencode(after)}")
    await visitor.desk.free(visitor.who, case_id)
    following = await visitor.desk.next_case(visitor.who, fields.get("queue") or None)
    there = HOME if following is None else f"{HOME}/cases/{following.case_id}"
    return go(f"{there}?{urlencode(after)}")


@act
async def undone(request: Request, visitor: Visitor, _fields: Fields) -> Response:
    """Take an act back while there is time, and open its case again."""
    done = await visitor.desk.undo(visitor.who, _safe_id(request.path_params["act_id"]))
    return go(f"{HOME}/cases/{done.case_id}?did=undo")


@act
async def kept_open(request: Request, visitor: Visitor, _fields: Fields) -> Response:
    """Keep the case in hand for another while: an open page asks for it."""
    lock = await visitor.desk.open_case(visitor.who, _case_id(request))
    return render("lock.html", lock=lock, mine=lock.acquired)


@act
async def left(request: Request, visitor: Visitor, fields: Fields) -> Response:
    """Give the case back."""
    await visitor.desk.free(visitor.who, _case_id(request))
    return Response(status_code=204, headers=HEADERS) if fields.get("quiet") else go(HOME)


@page
async def picture(request: Request, visitor: Visitor) -> Response:
    """A kept picture; the look is on record before its first byte leaves."""
    number = request.path_params["number"]
    if not number.isdecimal() or len(number) > 4:
        raise NotFound("There is no such picture.")
    kind = request.query_params.get("kind", "tile")
    shown = await visitor.desk.picture(visitor.who, _case_id(request), int(number), kind)
    return Response(
        shown.content, headers={**HEADERS, "content-disposition": "inline"}, media_type=shown.mime
    )


@page
async def proof(request: Request, visitor: Visitor) -> Response:
    """Whether the case's records stand in the log as they were written, checked now."""
    detail = await visitor.desk.case(visitor.who, _case_id(request))
    async with edge_of(request).readers.place():
        state = await visitor.desk.prover.prove(detail.records)
    return render("proof.html", state=state)


async def _shown(
    request: Request,
    visitor: Visitor,
    detail: CaseDetail,
    mine: bool,
    *,
    wants_texts: bool,
    fault: GatewayError | None = None,
    typed: Fields | None = None,
) -> Response:
    row, policy = detail.row, _policy(request, detail.row.policy)
    opened, sealed_fault = None, None
    if wants_texts:
        try:
            texts: OpenedTexts = await visitor.desk.texts(visitor.who, row.id)
            opened = opened_of(detail, texts, lead=visitor.who.lead)
        except AuditUnavailable as error:
            sealed_fault = error.message
    beside = await visitor.desk.queue(visitor.who, QueueQuery(queue=row.queue, limit=25))
    similar: tuple[finding.RequestRow, ...] = ()
    if not row.minors:
        similar = await visitor.desk.store.read(lambda c: finding.same_prompt(c, visitor.who, row.id))
    size, _root = edge_of(request).service.checkpoint()
    return render(
        "case.html",
        status=200 if fault is None else fault.status,
        **common(visitor, "queue"),
        detail=detail,
        row=row,
        view=view_of(detail, policy),
        opened=opened,
        sealed_fault=sealed_fault,
        mine=mine,
        waits=row.ground is Ground.HELD and row.deadline_us is not None,
        overturns=_overturns(row.action),
        altered=altered(detail.records),
        prove_now=size <= _PROVED_AT_ONCE,
        rules=_rules(policy),
        policy=policy,
        similar=similar,
        beside=beside.cases,
        reasons=REASONS,
        undo=undo_of(request),
        fault=fault,
        typed=typed or {},
        asked_us=now_us(),
    )


def _asked(fields: Fields) -> ActRequest:
    word, _, to = fields.get("act", "").partition("-")
    try:
        deed = Deed(word)
    except ValueError as error:
        raise RequestInvalid("act: choose one of the buttons.", param="act") from error
    note = fields.get("note", "").replace("\r\n", "\n").strip()
    return ActRequest(
        deed,
        to=to or None,
        reason=fields.get("reason", "").strip() or None,
        note=note or None,
        tags=tuple(fields.get("tags", "").split()),
    )


def _overturns(action: str) -> tuple[str, ...]:
    return tuple(to for to in ("allow", "rewrite", "block") if to != action)


def _policy(request: Request, name: str) -> Policy | None:
    try:
        return edge_of(request).service.policies.get(name)
    except PolicyUnavailable:
        return None


def _rules(policy: Policy | None) -> list[tuple[str, list[object]]]:
    if policy is None:
        return []
    return [(stage.value, list(policy.rules(stage))) for stage in policy.stages]


def _case_id(request: Request) -> str:
    return _safe_id(request.path_params["case_id"])


def _safe_id(given: str) -> str:
    if _ID.fullmatch(given) is None:
        raise NotFound("There is no such case.")
    return given
