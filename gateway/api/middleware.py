"""What happens around every request: its id, one access line, one count, and the outer boundary.

Duty: pure ASGI wrappers, about ten microseconds each. They see methods, route templates, statuses and
durations; never a body, a key, a query or the address itself, which can hold a picture's secret name.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.budget import ByteBudget, Share
from gateway.api.problems import problem, unforeseen
from gateway.core.errors import GatewayError
from gateway.imaging.decode import on_pixels
from gateway.telemetry.metrics import GatewayMetrics

_ACCESS: Final = logging.getLogger("imagegate.access")
_LOG: Final = logging.getLogger("imagegate.api")
_SAFE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_UNKNOWN_ROUTE: Final = "other"
_LINE: Final = "%(method)s %(route)s %(status)d %(bytes)d bytes %(duration_ms).1f ms %(request_id)s"


class RequestContext:
    """Outermost: gives the request its id, and the response the headers that all responses carry."""

    def __init__(self, app: ASGIApp, *, draining: Callable[[], bool]) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the client's `x-request-id` when it is a plain token, else make one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or f"req_{secrets.token_hex(16)}"
        scope["imagegate.request_id"] = request_id
        extra = [(b"x-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff")]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                closing = [(b"connection", b"close")] if self._draining() else []
                message["headers"] = [*message.get("headers", ()), *extra, *closing]
            await send(message)

        await self._app(scope, receive, with_headers)


class AccessLog:
    """One line and one count per request, when its response is complete."""

    def __init__(self, app: ASGIApp, *, metrics: GatewayMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Measure from the first byte of the request to the last of the response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, size_bytes = 499, 0  # what it is called when the client left before any answer

        async def counted(message: Message) -> None:
            nonlocal status, size_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", _UNKNOWN_ROUTE)
            self._metrics.http(route, status, seconds)
            if _ACCESS.isEnabledFor(logging.INFO):
                fields = _fields(scope, route, status, size_bytes, seconds)
                _ACCESS.info(_LINE, fields, extra={"fields": fields})


class HeldMemory:
    """Gives the request its share of memory, and takes all of it back when the answer is out."""

    def __init__(self, app: ASGIApp, *, memory: ByteBudget) -> None:
        self._app = app
        self._memory = memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count for this request what its body, its decoded pictures and its answer take."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        share = scope["imagegate.share"] = Share(self._memory)
        before = on_pixels.set(share.take)
        try:
            await self._app(scope, receive, send)
        finally:
            on_pixels.reset(before)
            share.close()


class ErrorBoundary:
    """Pure ASGI: whatever escapes the application becomes an answer that tells nothing about the inside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; answer 500 with an id when it fails before its response began."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except GatewayError as error:
            if not started:
                await problem(error)(scope, receive, send)
        except Exception as error:  # noqa: BLE001  # the HTTP edge, one of the two boundaries for any exception
            # Only the class name is logged: a message can quote a prompt.
            incident = uuid4().hex
            fields = {"incident": incident, "class": type(error).__name__}
            _LOG.error("unforeseen %(class)s, incident %(incident)s", fields, extra={"fields": fields})
            if not started:
                await unforeseen(incident)(scope, receive, send)
            # A response that has begun can't be taken back: it stays unfinished, and the server cuts it off.


class HeadAsGet:
    """Answer HEAD as GET would, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything but HEAD through untouched."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        as_get = {**scope, "method": "GET"}  # a copy: the server must still know that it answers a HEAD

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(as_get, receive, without_body)
        finally:
            if "route" in as_get:
                scope["route"] = as_get["route"]


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode("ascii") if _SAFE_ID.fullmatch(value) else None
    return None


def _fields(scope: Scope, route: str, status: int, size_bytes: int, seconds: float) -> dict[str, object]:
    return {
        "request_id": scope["imagegate.request_id"],
        "method": scope["method"],
        "route": route,
        "status": status,
        "bytes": size_bytes,
        "duration_ms": round(seconds * 1000, 3),
    }
