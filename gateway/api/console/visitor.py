"""Who asks for a page: session → reviewer, form → fields that came from our own page.

Duty: turn a request into a `Visitor` or into the way to sign-in; check each form's token and origin. Errors
become pages here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.auth import REVIEW
from gateway.api.body import read_bytes
from gateway.api.console.rendering import go, render
from gateway.api.console.sessions import Attempts, Session, Sessions
from gateway.api.edge import edge_of
from gateway.api.form import refuse_foreign_pages
from gateway.api.problems import problem_headers
from gateway.core.errors import Forbidden, GatewayError, RequestInvalid
from gateway.review.desk import ReviewDesk
from gateway.review.types import Reviewer

COOKIE: Final = "imagegate_review"
HOME: Final = "/review"
_MAX_FORM_BYTES: Final = 65_536
_MAX_FIELDS: Final = 300
Fields: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Console:
    """What the pages share in one process."""

    sessions: Sessions
    attempts: Attempts


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in reviewer at the desk. `known` is false without keys: then nobody is identified."""

    who: Reviewer
    desk: ReviewDesk
    session: Session
    known: bool


Page: TypeAlias = Callable[[Request, Visitor], Awaitable[Response]]
Act: TypeAlias = Callable[[Request, Visitor, Fields], Awaitable[Response]]
Plain: TypeAlias = Callable[[Request], Awaitable[Response]]


def console_of(request: Request) -> Console:
    """The console of this request's application."""
    console: Console = request.app.state.console
    return console


def page(shown: Page) -> Plain:
    """Make a route of a page: without a session it leads to sign-in; an error is a page too."""

    async def route(request: Request) -> Response:
        visitor: Visitor | None = None
        try:
            visitor = await visiting(request)
            if visitor is None:
                return _to_sign_in(request)
            return await shown(request, visitor)
        except GatewayError as error:
            return fault_page(error, visitor)

    return route


def act(done: Act) -> Plain:
    """Make a route of a form: it must come from our own page, with the session's token."""

    async def route(request: Request) -> Response:
        visitor: Visitor | None = None
        try:
            refuse_foreign_pages(request)
            visitor = await visiting(request)
            if visitor is None:
                return _to_sign_in(request)
            fields = await read_fields(request)
            token = request.headers.get("x-csrf-token") or fields.get("csrf", "")
            if not visitor.session.vouches(token):
                raise Forbidden("This form is not from your session; open the page again and repeat it.")
            return await done(request, visitor, fields)
        except GatewayError as error:
            return fault_page(error, visitor)

    return route


async def visiting(request: Request) -> Visitor | None:
    """Return who has this request's session; None when it has none, or its key no longer counts.

    Raises:
        Forbidden: without keys, a request under a foreign name.
    """
    edge = edge_of(request)
    if edge.keys.open:
        edge.keys.authenticate(request, REVIEW)
    session = await console_of(request).sessions.find(request.cookies.get(COOKIE))
    caller = None if session is None else edge.keys.caller_of(session.key_id, REVIEW)
    if session is None or caller is None:
        return None
    lead = caller.role == "admin"
    who = Reviewer(caller.actor, lead=lead, tenant=None if lead else caller.tenant)
    return Visitor(who, edge.service.desk, session, known=not edge.keys.open)


async def read_fields(request: Request) -> Fields:
    """Return a form's fields; of one sent twice the last, but for `case`, whose values are put together.

    Raises:
        ContentTooLarge: more than 64 KiB.
        RequestInvalid: it is no form, or has too many fields.
    """
    content = await read_bytes(request, limit_bytes=_MAX_FORM_BYTES)
    try:
        pairs = parse_qsl(
            content.decode("utf-8"), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise RequestInvalid("The form can't be read: not UTF-8, or too many fields.") from error
    fields = dict(pairs)
    cases = [value for name, value in pairs if name == "case"]
    if cases:
        fields["case"] = " ".join(cases)
    return fields


def fault_page(error: GatewayError, visitor: Visitor | None) -> Response:
    """Return the page of an error, with its status and headers."""
    shown = render("fault.html", status=error.status, visitor=visitor, error=error, where="")
    shown.headers.update(problem_headers(error))
    return shown


def inside(address: str) -> str:
    """Return an address of these pages, or the queue's for any other: nobody is led elsewhere."""
    split = urlsplit(address)
    path = split.path
    if split.scheme or split.netloc or not (path == HOME or path.startswith(f"{HOME}/")) or "\\" in address:
        return HOME
    return f"{path}?{split.query}" if split.query else path


def common(visitor: Visitor, where: str) -> dict[str, Any]:
    """What the frame of every page needs; `where` is the entry of the menu."""
    return {"visitor": visitor, "where": where}


def _to_sign_in(request: Request) -> Response:
    if request.method != "GET" or request.headers.get("hx-request"):
        shown = go(f"{HOME}/sign-in")
        shown.headers["hx-redirect"] = f"{HOME}/sign-in"
        return shown
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return go(f"{HOME}/sign-in" if asked == HOME else f"{HOME}/sign-in?next={quote(asked, safe='')}")
