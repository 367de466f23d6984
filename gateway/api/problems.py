"""Errors as a client sees them: one body shape, and one place that makes it.

Duty: turn a `GatewayError`, a framework error or anything else into
`{"error": {"message", "type", "param", "code"}}` with the right headers. It knows no route and no safety.
Headers follow what OpenAI's client obeys: `x-should-retry`, then `retry-after-ms`, then `retry-after`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.errors import Conflict, GatewayError, NotFound, RequestInvalid, Unauthenticated

JSON: Final = "application/json"
_MAX_FIELDS_TOLD: Final = 3
_MAX_NAME: Final = 64
_ALWAYS_WITH_WAIT: Final = frozenset({429, 503})
DEFAULT_WAIT_S: Final = 1.0

_PHRASES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} items",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}
"""Kinds of pydantic's whose own words fit a Python programmer only; every lower bound here is 1."""

_TYPES: Final[Mapping[int, tuple[str, str]]] = {
    404: ("not_found", "There is nothing at this address; see /docs for what there is."),
    405: (
        "method_not_allowed",
        "This address does not take this method; the Allow header names those it takes.",
    ),
    413: ("content_too_large", "The body is too large."),
}


def problem(error: GatewayError) -> Response:
    """The response for one of our own errors."""
    body = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return error_response(error.status, body, headers=problem_headers(error))


def problem_headers(error: GatewayError) -> dict[str, str]:
    """Retry and authentication headers that go with an error."""
    headers: dict[str, str] = {}
    wait_s = error.retry_after_s
    if wait_s is None and error.status in _ALWAYS_WITH_WAIT:
        wait_s = DEFAULT_WAIT_S
    if wait_s is not None:
        headers.update(wait_headers(wait_s))
    if isinstance(error, Conflict):
        headers["x-should-retry"] = "false"  # the client retries 409 by itself; the same request stays wrong
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="imagegate"'
    return headers


def wait_headers(wait_s: float) -> dict[str, str]:
    """Whole seconds for RFC 9110, rounded up so that nobody comes too early; milliseconds are exact."""
    return {
        "retry-after": str(max(1, math.ceil(wait_s))),
        "retry-after-ms": str(max(1, math.ceil(wait_s * 1000))),
    }


def error_response(
    status: int, error: Mapping[str, object], *, headers: Mapping[str, str] | None = None
) -> Response:
    """`{"error": …}` as JSON; an error is never kept by a cache."""
    body = orjson.dumps({"error": error})
    return Response(body, status, headers={"cache-control": "no-store", **(headers or {})}, media_type=JSON)


def invalid_fields(errors: Sequence[Mapping[str, Any]]) -> RequestInvalid:
    """One error that names the fields at fault and the fix, without the values that were sent."""
    told = [_tell(error) for error in errors[:_MAX_FIELDS_TOLD]]
    if len(errors) > _MAX_FIELDS_TOLD:
        told.append(f"and {len(errors) - _MAX_FIELDS_TOLD} more.")
    return RequestInvalid(" ".join(told), param=_field(errors[0]) or None)


def _tell(error: Mapping[str, Any]) -> str:
    field, kind = _field(error), error["type"]
    if kind == "extra_forbidden":
        return f"Unknown parameter: {field}. Remove it; nothing is accepted and then ignored."
    if kind in _PHRASES:
        message = _PHRASES[kind].format_map(error.get("ctx", {}))
    else:
        message = str(error["msg"]).removeprefix("Value error, ")
        message = message.replace("Input should be", "must be").replace("should", "must")
    return f"{field}: {message}." if field else f"{message}."


def _field(error: Mapping[str, Any]) -> str:
    """The field's dotted name. An unknown one is the caller's own word: shortened, and made printable."""
    place = [str(part) for part in error["loc"] if part not in ("body", "query", "path")]
    own = 1 if error["type"] == "extra_forbidden" else 0
    ours, last = place[: len(place) - own], place[len(place) - own :]
    # Between the names stand the tags of our unions, which nobody sent; they are written in brackets.
    name = ".".join([part for part in ours if not part.startswith("[")] + last)
    return "".join(c if c.isprintable() else "?" for c in name)[:_MAX_NAME]


async def on_gateway_error(_: Request, error: Exception) -> Response:
    """Framework hook for `GatewayError`."""
    assert isinstance(error, GatewayError)
    return problem(error)


async def on_validation_error(_: Request, error: Exception) -> Response:
    """Framework hook for parameters that a route declares and the framework checks."""
    assert isinstance(error, RequestValidationError)
    return problem(invalid_fields(error.errors()))


async def on_http_error(request: Request, error: Exception) -> Response:
    """Framework hook for what the router itself refuses: no such address, wrong method."""
    assert isinstance(error, HTTPException)
    if error.status_code == NotFound.status:
        return problem(NotFound(_TYPES[404][1]))
    headers = dict(error.headers or {})
    if "GET" in headers.get("Allow", "").split(", "):
        headers["Allow"] += ", HEAD"  # answered everywhere where GET is
    if error.status_code == 405 and request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)  # the router's 405 already says what is allowed
    code, message = _TYPES.get(error.status_code, ("invalid_request", "The request can't be served."))
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return error_response(error.status_code, body, headers=headers)


def unforeseen(incident: str) -> Response:
    """The 500 that names an incident and nothing else."""
    body = {
        "message": f"The gateway failed; nothing was released. Incident {incident}.",
        "type": GatewayError.type,
        "param": None,
        "code": GatewayError.code,
    }
    return error_response(500, body)
