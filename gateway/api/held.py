"""`GET /v1/images/held/{ticket}`: where a held request stands, and its pictures once a person released it.

Duty: authenticate, one call, render. Only the tenant that asked may ask; asking again gives the same bytes.
"""

from __future__ import annotations

from typing import Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.api import responses
from gateway.api.auth import GENERATE
from gateway.api.edge import edge_of
from gateway.api.image_response import HELD_PATH, decision_headers, delivered_pieces
from gateway.api.pictures import PicturesResponse
from gateway.api.problems import JSON
from gateway.review.types import TicketState

router: Final = APIRouter(tags=["images"])
_FRESH: Final = {"cache-control": "no-store"}
_ASK_AGAIN_S: Final = "10"
_SECOND_US: Final = 1_000_000


@router.get(
    HELD_PATH + "{ticket}",
    summary="Ask for a held request",
    response_class=Response,
    responses=responses.HELD,
)
async def read_held(request: Request, ticket: str) -> Response:
    """202 while a person has yet to look, then 200 with `status` released or refused."""
    edge = edge_of(request)
    found = await edge.service.held(ticket, edge.keys.authenticate(request, GENERATE))
    view, held = found.ticket, found.held
    if held is not None and held.answer is not None:
        headers = {**decision_headers(held.answer.prompt_decision, edge.service.checkpoint()), **_FRESH}
        told = {"status": "released", "ticket": view.id}
        return PicturesResponse(delivered_pieces(held.request, held.answer, more=told), headers)
    if view.state is TicketState.REFUSED:
        settled = (view.settled_us or 0) // _SECOND_US
        body = {"status": "refused", "ticket": view.id, "reason": view.reason or "", "settled": settled}
        return Response(orjson.dumps(body), headers=_FRESH, media_type=JSON)
    waiting = {"status": "waiting", "ticket": view.id, "deadline": view.deadline_us // _SECOND_US}
    headers = {**_FRESH, "retry-after": _ASK_AGAIN_S}
    return Response(orjson.dumps(waiting), 202, headers=headers, media_type=JSON)
