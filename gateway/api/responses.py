"""Which statuses, bodies and headers each route answers with: documentation for /openapi.json only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from gateway.api.schemas import (
    ErrorBody,
    Health,
    HeldRefused,
    HeldReleased,
    HeldWaiting,
    ImagesResponse,
    LogHead,
    Model,
    ModelList,
    ModerationsResponse,
    NotReady,
    Ready,
    RecordPage,
    UnsealedRecord,
)

_JSON: Final = "application/json"
_ERRORS: Final[Mapping[int, str]] = {
    400: "The request is wrong, or the policy blocks it: see `code`.",
    401: "No API key, or an unknown one.",
    403: "The key's role does not allow this.",
    404: "There is no such thing, or not for this tenant.",
    409: "The thing is in another state than the request assumes.",
    413: "The body or a picture is too large.",
    429: "The key's own rate is used up; see Retry-After.",
    500: "A fault of the gateway; nothing was released.",
    502: "The rewriter or the image backend failed; nothing was released.",
    503: "Full, stopping, or a safety part is unavailable; nothing was released; see Retry-After.",
    504: "A stage ran out of time; nothing was released.",
}
Responses = dict[int | str, dict[str, Any]]


def errors(*statuses: int) -> Responses:
    """Documented errors with the one body that they all have."""
    return {status: {"model": ErrorBody, "description": _ERRORS[status]} for status in statuses}


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """What tells the framework's schema of a body that the route reads itself."""
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {_JSON: {"schema": reference}}}}


def form_of(model: type[BaseModel]) -> dict[str, Any]:
    """As `body_of`, for a multipart form."""
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": reference}}}}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}


_HEADERS: Final[Mapping[str, str]] = {
    "x-request-id": "The request's id: the client's own when it is a plain token.",
    "x-imagegate-decision": "Id of the decision on record.",
    "x-imagegate-policy": "NAME@REVISION of the policy that decided.",
    "x-imagegate-log-size": "Durable size of the audit log.",
    "x-imagegate-log-root": "Its root, hex.",
}
_ACCESS = (401, 403, 429, 500)
_WORK = (400, *_ACCESS, 413, 502, 503, 504)
_STREAM = {"schema": {"description": "Events, when `stream` is true; docs/api.md describes their fields."}}

GENERATION: Final[Responses] = {
    200: {
        "model": ImagesResponse,
        "description": "Pictures; with `stream`, events.",
        "headers": _headers(*_HEADERS),
        "content": {"text/event-stream": _STREAM},
    },
    **errors(*_WORK),
}
_PICTURE = {"schema": {"type": "string", "format": "binary"}}
FILE: Final[Responses] = {
    200: {
        "description": "The picture.",
        "content": {f"image/{form}": _PICTURE for form in ("png", "jpeg", "webp")},
    },
    **errors(404, 500),
}
HELD: Final[Responses] = {
    200: {"model": HeldReleased | HeldRefused, "description": "It ended: see `status`."},
    202: {"model": HeldWaiting, "description": "A person has yet to look at it."},
    **errors(404, *_ACCESS, 503),
}
REVIEW: Final[Responses] = {200: {"model": dict[str, Any]}, **errors(400, *_ACCESS, 503)}
REVIEW_ONE: Final[Responses] = {200: {"model": dict[str, Any]}, **errors(404, *_ACCESS, 503)}
REVIEW_ACT: Final[Responses] = {
    200: {"model": dict[str, Any], "description": "The act, its record's id and when its effect leaves."},
    **errors(400, 404, 409, *_ACCESS, 413, 503),
}
REVIEW_PICTURE: Final[Responses] = {
    200: {
        "description": "The picture.",
        "content": {f"image/{form}": _PICTURE for form in ("png", "jpeg", "webp")},
    },
    **errors(400, 404, *_ACCESS, 503),
}
MODERATION: Final[Responses] = {
    200: {"model": ModerationsResponse, "description": "Judgements.", "headers": _headers(*_HEADERS)},
    **errors(*_WORK),
}
MODELS: Final[Responses] = {200: {"model": ModelList}, **errors(*_ACCESS)}
MODEL: Final[Responses] = {200: {"model": Model}, **errors(404, *_ACCESS)}
HEALTH: Final[Responses] = {200: {"model": Health}, **errors(500)}
READY: Final[Responses] = {
    200: {"model": Ready},
    503: {"model": NotReady, "description": "Not ready."},
    **errors(500),
}
METRICS: Final[Responses] = {
    200: {"description": "Metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    **errors(*_ACCESS),
}
RECORDS: Final[Responses] = {200: {"model": RecordPage}, **errors(400, *_ACCESS, 503)}
RECORD: Final[Responses] = {200: {"model": dict[str, Any]}, **errors(404, *_ACCESS, 503)}
PROOF: Final[Responses] = {
    200: {"description": "A tlog-proof.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    **errors(404, 409, *_ACCESS, 503),
}
UNSEALED: Final[Responses] = {200: {"model": UnsealedRecord}, **errors(404, *_ACCESS, 503)}
CHECKPOINT: Final[Responses] = {200: {"model": LogHead}, **errors(*_ACCESS, 503)}
