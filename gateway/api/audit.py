"""`/v1/audit/…`: read the log.

Duty: parse filters, keep a key inside its tenant, render. Public parts and proofs leave for auditors;
sealed text for reviewers alone, and the service puts each look on record first. Reading has few places of
its own: a proof reads the whole log, and requests must not wait for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.api import responses
from gateway.api.auth import AUDIT, REVIEW
from gateway.api.edge import Edge, edge_of
from gateway.api.form import refuse_foreign_pages
from gateway.api.keys import Role
from gateway.api.problems import JSON
from gateway.audit.filters import RecordFilter
from gateway.core.errors import Forbidden, NotFound
from gateway.core.ports import Json
from gateway.core.requests import Caller

router: Final = APIRouter(tags=["audit"])
_Word = Annotated[str, Field(min_length=1, max_length=128)]
# Pydantic alone would also take bare numbers, in a unit that it guesses.
_RFC3339: Final = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$"


def _as_written(given: object) -> object:
    if isinstance(given, str) and re.fullmatch(_RFC3339, given) is None:
        raise ValueError("must be a time with its zone, as 2026-01-31T12:00:00Z")
    return given


_Time = Annotated[AwareDatetime, BeforeValidator(_as_written)]
_FRESH: Final = {"cache-control": "no-store"}


class AuditQuery(BaseModel):
    """Filters of the record list; all that are given must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    request: _Word | None = Field(None, description="Request id.")
    type: _Word | None = Field(None, description="decision, config, review, access, erasure, gap, heartbeat.")
    stage: _Word | None = Field(
        None, description="prompt, rewrite, prompt-recheck, generate, input-image, image, outcome."
    )
    action: _Word | None = Field(None, description="allow, redact, regenerate, rewrite, hold, block.")
    category: _Word | None = Field(None, description="A rule matched on this category or one below it.")
    rule: _Word | None = None
    shadow: _Word | None = Field(None, description="This rule, on trial, matched in the request.")
    policy_revision: _Word | None = None
    tenant: _Word | None = Field(None, description="Another tenant than the key's own: admin only.")
    degraded: bool | None = None
    since: _Time | None = Field(None, description="From this time on (RFC 3339, with zone).")
    until: _Time | None = Field(None, description="Before this time (RFC 3339, with zone).")
    cursor: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        None, description="`next_cursor` of the page before."
    )
    limit: Annotated[int, Field(ge=1, le=200)] = 50


@router.get(
    "/v1/audit/records",
    summary="List records",
    response_class=Response,
    responses=responses.RECORDS,
)
async def list_records(request: Request, query: Annotated[AuditQuery, Query()]) -> Response:
    """Newest first; follow `next_cursor` until it is null."""
    edge = edge_of(request)
    caller = edge.keys.authenticate(request, AUDIT)
    filters = _filters(query, caller)
    async with edge.readers.place():
        page = await edge.service.audit_records(filters, query.cursor, query.limit)
    content = {
        "object": "list",
        "data": page.records,
        "next_cursor": page.next_cursor,
        "has_more": page.next_cursor is not None,
    }
    return Response(orjson.dumps(content), headers=_FRESH, media_type=JSON)


@router.get(
    "/v1/audit/records/{record_id}",
    summary="Read one record",
    response_class=Response,
    responses=responses.RECORD,
)
async def read_record(request: Request, record_id: str) -> Response:
    """The public part, with its place and leaf hash in the log."""
    edge = edge_of(request)
    caller = edge.keys.authenticate(request, AUDIT)
    async with edge.readers.place():
        record = await _visible(edge, caller, record_id)
    return Response(orjson.dumps(record), headers=_FRESH, media_type=JSON)


@router.get(
    "/v1/audit/records/{record_id}/proof",
    summary="Prove one record",
    response_class=Response,
    responses=responses.PROOF,
)
async def prove_record(request: Request, record_id: str) -> Response:
    """A tlog-proof: the record, its path in the tree and a signed head, for anyone with the public key."""
    edge = edge_of(request)
    caller = edge.keys.authenticate(request, AUDIT)
    async with edge.readers.place():
        await _visible(edge, caller, record_id)
        proof = await edge.service.audit_proof(record_id)
    return Response(proof, headers=_FRESH, media_type="text/plain")


@router.post(
    "/v1/audit/records/{record_id}/unseal",
    summary="Read a record's sealed text",
    response_class=Response,
    responses=responses.UNSEALED,
)
async def unseal_record(request: Request, record_id: str) -> Response:
    """The prompt and who asked, for reviewers; an `access` record with the key's id is durable first."""
    edge = edge_of(request)
    caller = edge.keys.authenticate(request, REVIEW)
    refuse_foreign_pages(request)
    async with edge.readers.place():
        await _visible(edge, caller, record_id)
        opened = await edge.service.audit_unseal(record_id, caller)
    content = {"id": opened.id, "access": opened.access, "fields": opened.fields}
    return Response(orjson.dumps(content), headers=_FRESH, media_type=JSON)


@router.get(
    "/v1/audit/checkpoint",
    summary="Read the log's durable size and root",
    response_class=Response,
    responses=responses.CHECKPOINT,
)
async def read_checkpoint(request: Request) -> Response:
    """Size and RFC 9162 root of what is durable now."""
    edge = edge_of(request)
    edge.keys.authenticate(request, AUDIT)
    size, root = edge.service.checkpoint()
    return Response(orjson.dumps({"size": size, "root": root}), headers=_FRESH, media_type=JSON)


def _filters(query: AuditQuery, caller: Caller) -> RecordFilter:
    """Raises Forbidden for another tenant than the key's own."""
    if not _is_admin(caller) and query.tenant not in (None, caller.tenant):
        raise Forbidden("tenant: this key reads its own tenant only.", param="tenant")
    return RecordFilter(
        tenant=query.tenant if _is_admin(caller) else caller.tenant,
        request_id=query.request,
        stage=query.stage,
        action=query.action,
        category=query.category,
        rule=query.rule,
        shadow=query.shadow,
        policy_revision=query.policy_revision,
        type=query.type,
        from_us=_microseconds(query.since),
        to_us=_microseconds(query.until),
        degraded=query.degraded,
        of_requests=not _is_admin(caller),
    )


async def _visible(edge: Edge, caller: Caller, record_id: str) -> Mapping[str, Json]:
    """Return the record. Raises NotFound when there is none, or the caller may not see it."""
    record = await edge.service.audit_record(record_id)
    if record is None or not _may_see(caller, record):
        raise NotFound("There is no such record in this tenant.", param="record_id")
    return record


def _may_see(caller: Caller, record: Mapping[str, Json]) -> bool:
    """A record that names no tenant is for admins only."""
    return _is_admin(caller) or record.get("tenant") == caller.tenant


def _is_admin(caller: Caller) -> bool:
    return caller.role == Role.ADMIN.value


def _microseconds(moment: AwareDatetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1_000_000)
