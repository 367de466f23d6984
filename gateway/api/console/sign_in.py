"""Signing in with an API key, and out. Duty: key → session cookie, and a limit on failures."""

from __future__ import annotations

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.auth import REVIEW
from gateway.api.console.rendering import go, render
from gateway.api.console.visitor import (
    COOKIE,
    HOME,
    Fields,
    Visitor,
    act,
    console_of,
    fault_page,
    inside,
    read_fields,
    visiting,
)
from gateway.api.edge import edge_of
from gateway.api.form import refuse_foreign_pages
from gateway.api.problems import problem_headers
from gateway.core.errors import Forbidden, GatewayError, QuotaExceeded, Unauthenticated
from gateway.core.requests import Caller

_LOG: Final = logging.getLogger("imagegate.api")


async def sign_in_page(request: Request) -> Response:
    """The form; who is signed in goes on to the queue."""
    try:
        if await visiting(request) is not None:
            return go(inside(request.query_params.get("next", HOME)))
        return _form(request)
    except GatewayError as error:
        return fault_page(error, None)


async def sign_in(request: Request) -> Response:
    """Check the key and begin a session. Failures are counted per address; after five it has to wait."""
    attempts, address = console_of(request).attempts, request.client.host if request.client else "unknown"
    try:
        refuse_foreign_pages(request)
        attempts.check(address)
        fields = await read_fields(request)
        try:
            caller = _caller(request, fields)
        except (Unauthenticated, Forbidden) as error:
            attempts.failed(address)
            _LOG.warning("a sign-in to /review failed: %s", error.code)
            return _form(request, error, fields.get("next", HOME))
        token = await console_of(request).sessions.begin(caller)
    except QuotaExceeded as error:
        return _form(request, error)
    except GatewayError as error:
        return fault_page(error, None)
    shown = go(inside(fields.get("next", HOME)))
    shown.set_cookie(COOKIE, token, path=HOME, httponly=True, samesite="strict", secure=_is_https(request))
    return shown


@act
async def sign_out(request: Request, visitor: Visitor, _fields: Fields) -> Response:
    """End the session and forget the cookie."""
    await console_of(request).sessions.end(visitor.session)
    shown = go(f"{HOME}/sign-in")
    shown.delete_cookie(COOKIE, path=HOME, httponly=True, samesite="strict", secure=_is_https(request))
    return shown


def _caller(request: Request, fields: Fields) -> Caller:
    keys = edge_of(request).keys
    if keys.open:
        return keys.authenticate(request, REVIEW)
    return keys.caller_with(fields.get("key", ""), REVIEW)


def _form(request: Request, error: GatewayError | None = None, then: str | None = None) -> Response:
    shown = render(
        "sign_in.html",
        status=200 if error is None else error.status,
        open=edge_of(request).keys.open,
        error=error,
        next=inside(then or request.query_params.get("next", HOME)),
    )
    if error is not None:
        headers = problem_headers(error)
        headers.pop("www-authenticate", None)  # a browser would ask by itself
        shown.headers.update(headers)
    return shown


def _is_https(request: Request) -> bool:
    public = edge_of(request).service.settings.server.public_url or ""
    return request.url.scheme == "https" or public.startswith("https://")
