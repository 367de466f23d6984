"""The explorer: requests by what is known of them; each view is an address, with a JSON and a CSV version.

Duty: address → choice → rows. Texts are not opened here.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.auth import REVIEW
from gateway.api.console.rendering import HEADERS, go, iso, now_us, render
from gateway.api.console.visitor import HOME, Fields, Visitor, act, common, page, visiting
from gateway.api.edge import edge_of
from gateway.api.problems import JSON, problem
from gateway.audit.record import new_id
from gateway.core.errors import GatewayError, RequestInvalid, Unauthenticated
from gateway.review.desk import ReviewDesk
from gateway.review.finding import MAX_FOUND, RequestQuery, RequestRow, facets, find
from gateway.review.types import Reviewer

WORDS: Final = (
    "action", "verdict", "stage", "rule", "shadow", "category", "tenant", "policy", "revision", "model",
    "state", "request",
)  # fmt: skip
_TIMES: Final = ("last", "since", "until")
_PLACE: Final = ("cursor", "limit")
_LAST: Final = re.compile(r"(\d{1,4})(min|h|d)")
_UNIT_US: Final = {"min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_MOST_VIEWS: Final = 50
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""A spreadsheet may run a cell that begins with one of these."""
COLUMNS: Final = (
    "id", "time", "tenant", "request", "surface", "outcome", "stage", "action", "verdict", "degraded",
    "policy", "revision", "model", "pictures", "latency_us", "decision", "rules", "shadow", "categories",
    "state", "decided",
)  # fmt: skip


@page
async def explorer(request: Request, visitor: Visitor) -> Response:
    """Requests newest first with facets, saved views, and the way to the other versions."""
    given = given_of(request)
    asked = query_of(given)
    await visitor.desk.follower.catch_up()
    who = visitor.who
    async with edge_of(request).readers.place():
        found = await visitor.desk.store.read(lambda c: find(c, who, asked))
        counted = await visitor.desk.store.read(lambda c: facets(c, who, asked))
    view = {name: value for name, value in given.items() if name not in _PLACE}
    more = None if found.next_cursor is None else urlencode({**given, "cursor": found.next_cursor})
    return render(
        "explorer.html",
        **common(visitor, "requests"),
        found=found,
        facets=counted,
        given=view,
        query=urlencode(view),
        more=more,
        views=await visitor.desk.store.read(lambda c: _views(c, who)),
        link=lambda **changed: urlencode({**view, **changed}),
    )


async def explorer_json(request: Request) -> Response:
    """The same view for programs: `{"requests", "next"}`; a session or a bearer key of role review."""
    try:
        who, desk = await asking(request)
        given = given_of(request)
        asked = query_of(given)
        await desk.follower.catch_up()
        async with edge_of(request).readers.place():
            found = await desk.store.read(lambda c: find(c, who, asked))
    except GatewayError as error:
        return problem(error)
    cursor = found.next_cursor
    following = None if cursor is None else f"{request.url.path}?{urlencode({**given, 'cursor': cursor})}"
    content = {"requests": [_named(row) for row in found.rows], "next": following}
    return Response(orjson.dumps(content), headers=HEADERS, media_type=JSON)


async def explorer_csv(request: Request) -> Response:
    """The same view as CSV, at most 10,000 rows; a `Link` header names the next page, if any."""
    try:
        who, desk = await asking(request)
        given = {"limit": str(MAX_FOUND), **given_of(request)}
        asked = query_of(given)
        await desk.follower.catch_up()
        async with edge_of(request).readers.place():
            found = await desk.store.read(lambda c: find(c, who, asked))
    except GatewayError as error:
        return problem(error)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in found.rows:
        named = _named(row)
        writer.writerow([_cell(named[name]) for name in COLUMNS])
    headers = {**HEADERS, "content-disposition": 'attachment; filename="imagegate-requests.csv"'}
    if found.next_cursor is not None:
        following = urlencode({**given, "cursor": found.next_cursor})
        headers["link"] = f'<{request.url.path}?{following}>; rel="next"'
    return Response(out.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


@act
async def save_view(_request: Request, visitor: Visitor, fields: Fields) -> Response:
    """Keep a view under a name; the same name again replaces it."""
    name = " ".join(fields.get("name", "").split())
    if not 1 <= len(name) <= 60:
        raise RequestInvalid("name: 1 to 60 characters.", param="name")
    given = dict(pair.partition("=")[::2] for pair in fields.get("query", "").split("&") if "=" in pair)
    if not set(given) <= {*WORDS, *_TIMES, "degraded"} or len(fields.get("query", "")) > 2_000:
        raise RequestInvalid("query: save a view of the explorer.", param="query")
    row = (new_id(), visitor.who.key_id, name, fields.get("query", ""), now_us())

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM views WHERE reviewer = ? AND name = ?", (visitor.who.key_id, name))
        (count,) = connection.execute(
            "SELECT count(*) FROM views WHERE reviewer = ?", (visitor.who.key_id,)
        ).fetchone()
        if count >= _MOST_VIEWS:
            raise RequestInvalid(f"name: at most {_MOST_VIEWS} views; delete one first.", param="name")
        connection.execute("INSERT INTO views VALUES (?, ?, ?, ?, ?)", row)

    await visitor.desk.store.write(change)
    return go(f"{HOME}/requests?{row[3]}" if row[3] else f"{HOME}/requests")


@act
async def drop_view(request: Request, visitor: Visitor, _fields: Fields) -> Response:
    """Forget one of the reviewer's own views."""
    await visitor.desk.store.write(
        lambda c: (
            c.execute(
                "DELETE FROM views WHERE id = ? AND reviewer = ?",
                (request.path_params["view_id"], visitor.who.key_id),
            ).rowcount
        )
    )
    return go(f"{HOME}/requests")


async def asking(request: Request) -> tuple[Reviewer, ReviewDesk]:
    """Return who asks for data: by session, or by bearer key as with the API.

    Raises:
        Unauthenticated, Forbidden, QuotaExceeded: nobody who may.
    """
    edge = edge_of(request)
    if not request.headers.get("authorization"):
        visitor = await visiting(request)
        if visitor is None:
            raise Unauthenticated("Sign in at /review, or send a key of role review as a bearer token.")
        return visitor.who, visitor.desk
    caller = edge.keys.authenticate(request, REVIEW)
    lead = caller.role == "admin"
    return Reviewer(caller.actor, lead=lead, tenant=None if lead else caller.tenant), edge.service.desk


def given_of(request: Request) -> dict[str, str]:
    """Return the filters of the address, empty ones left out.

    Raises:
        RequestInvalid: a name that is no filter.
    """
    given = {name: value.strip() for name, value in request.query_params.items() if value.strip()}
    known = {*WORDS, *_TIMES, *_PLACE, "degraded"}
    for name in given:
        if name not in known:
            shown = name if name.isidentifier() and len(name) < 40 else "a field"
            raise RequestInvalid(f"{shown}: no such filter; there are {', '.join(sorted(known))}.")
    return given


def query_of(given: Mapping[str, str]) -> RequestQuery:
    """Return the choice behind filters.

    Raises:
        RequestInvalid: a value of another form; the message names the field.
    """
    since, until = _moment("since", given), _moment("until", given)
    if "last" in given:
        found = _LAST.fullmatch(given["last"])
        if found is None or since is not None:
            raise RequestInvalid("last: as 30min, 24h or 7d, and then no since.", param="last")
        since = (until or now_us()) - int(found[1]) * _UNIT_US[found[2]]
    degraded = given.get("degraded")
    if degraded not in (None, "yes", "no"):
        raise RequestInvalid("degraded: must be yes or no.", param="degraded")
    limit = _number("limit", given)
    return RequestQuery(
        **{name: given.get(name) for name in WORDS},
        degraded=None if degraded is None else degraded == "yes",
        since_us=since,
        until_us=until,
        cursor=_number("cursor", given),
        limit=50 if limit is None else limit,
    )


def _moment(name: str, given: Mapping[str, str]) -> int | None:
    if name not in given:
        return None
    try:
        moment = dt.datetime.fromisoformat(given[name])
    except ValueError as error:
        raise RequestInvalid(
            f"{name}: a time, as 2026-01-31T12:00 (UTC) or with a zone.", param=name
        ) from error
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return round(zoned.timestamp() * 1_000_000)


def _number(name: str, given: Mapping[str, str]) -> int | None:
    if name not in given:
        return None
    if not given[name].isascii() or not given[name].isdecimal() or len(given[name]) > 15:
        raise RequestInvalid(f"{name}: a number.", param=name)
    return int(given[name])


def _named(row: RequestRow) -> dict[str, object]:
    named = asdict(row)
    named["time"] = iso(named.pop("time_us"))
    named["request"] = named.pop("request_id")
    return named


def _cell(value: object) -> object:
    """A CSV cell; text that a spreadsheet could run gets an apostrophe in front."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = " ".join(str(one) for one in value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _views(connection: sqlite3.Connection, who: Reviewer) -> list[tuple[str, str, str]]:
    rows = connection.execute(
        "SELECT id, name, query FROM views WHERE reviewer = ? ORDER BY name", (who.key_id,)
    )
    return [(row["id"], row["name"], row["query"]) for row in rows]
