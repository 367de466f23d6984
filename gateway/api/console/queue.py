"""The queue: what waits, in the order in which it should be worked on; the next case; acts on several."""

from __future__ import annotations

from typing import Final, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.console.rendering import go, render
from gateway.api.console.visitor import HOME, Fields, Visitor, act, common, page
from gateway.core.errors import RequestInvalid
from gateway.review.types import Act as Deed
from gateway.review.types import ActRequest, CaseState, Ground, QueueQuery

_FILTERS: Final = ("queue", "ground", "state", "tenant")
_SAMPLE: Final = 5
_Word = TypeVar("_Word", Ground, CaseState)
_IN_BULK: Final = (Deed.CONFIRM, Deed.LATER, Deed.ESCALATE, Deed.TAG)


@page
async def queue(request: Request, visitor: Visitor) -> Response:
    """Cases that wait, one row a request."""
    chosen = {name: request.query_params[name] for name in _FILTERS if request.query_params.get(name)}
    asked = _query(chosen, request.query_params.get("cursor"))
    found = await visitor.desk.queue(visitor.who, asked)
    more = found.next_cursor
    return render(
        "queue.html",
        **common(visitor, "queue"),
        cases=found.cases,
        counts=await visitor.desk.counts(visitor.who),
        chosen=chosen,
        grounds=list(Ground),
        address=f"{HOME}?{urlencode(chosen)}" if chosen else HOME,
        more=None if more is None else f"{HOME}?{urlencode({**chosen, 'cursor': more})}",
        undo=undo_of(request),
        bulk=_IN_BULK,
    )


@act
async def next_case(_request: Request, visitor: Visitor, fields: Fields) -> Response:
    """Take the first free case in hand and open it."""
    lock = await visitor.desk.next_case(visitor.who, fields.get("queue") or None)
    return go(HOME if lock is None else f"{HOME}/cases/{lock.case_id}")


@act
async def bulk(_request: Request, visitor: Visitor, fields: Fields) -> Response:
    """The same act on several cases: first their count and a sample, then, confirmed, one record a case."""
    cases = tuple(dict.fromkeys(fields.get("case", "").split()))
    asked = _bulk_act(fields)
    if not cases:
        raise RequestInvalid("case: choose at least one in the queue.", param="case")
    values = {**common(visitor, "queue"), "cases": cases, "asked": asked}
    if fields.get("sure") != "yes":
        sample = [(await visitor.desk.case(visitor.who, case)).row for case in cases[:_SAMPLE]]
        return render("bulk.html", **values, sample=sample, done=None)
    done = await visitor.desk.act_many(visitor.who, cases, asked)
    return render("bulk.html", **values, sample=(), done=done)


def undo_of(request: Request) -> dict[str, object] | None:
    """What was just done and can still be undone, from the address; the desk checks it again."""
    given = request.query_params
    done, until = given.get("did", ""), given.get("until", "")
    if done not in set(Deed) or not until.isdecimal() or len(until) > 20 or not given.get("act"):
        return None
    return {"act": given["act"][:64], "did": done, "until_us": int(until)}


def _query(chosen: Fields, cursor: str | None) -> QueueQuery:
    return QueueQuery(
        queue=chosen.get("queue"),
        ground=_one_of(Ground, "ground", chosen.get("ground")),
        state=_one_of(CaseState, "state", chosen.get("state")),
        tenant=chosen.get("tenant"),
        cursor=cursor,
    )


def _one_of(words: type[_Word], name: str, given: str | None) -> _Word | None:
    if given is None:
        return None
    try:
        return words(given)
    except ValueError as error:
        raise RequestInvalid(f"{name}: must be one of {', '.join(words)}.", param=name) from error


def _bulk_act(fields: Fields) -> ActRequest:
    try:
        deed = Deed(fields.get("act", ""))
    except ValueError:
        deed = Deed.UNDO
    if deed not in _IN_BULK:
        raise RequestInvalid(f"act: must be one of {', '.join(_IN_BULK)}.", param="act")
    return ActRequest(deed, reason=fields.get("reason") or None, tags=tuple(fields.get("tags", "").split()))
