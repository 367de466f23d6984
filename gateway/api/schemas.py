"""The responses as /openapi.json tells them. Duty: documentation only; the hot routes build bytes themselves.

A test holds these models against real answers, so that they stay true.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SeverityWord = Literal["low", "medium", "high"]
Severities = dict[str, SeverityWord]
_OPEN: Final = ConfigDict(extra="allow")
_JSON: Final = "application/json"


class PolicyName(BaseModel):
    """Which policy decided; `revision` is the hash of its compiled form."""

    name: str
    revision: str


class Inspected(BaseModel):
    """How many pictures were made, how many a classifier really saw, and which ones did."""

    total: int
    inspected: int
    classifiers: list[str]


class Withheld(BaseModel):
    """A picture that was not delivered: its place, its decision, and the public reason."""

    index: int
    decision: str
    action: str
    categories: list[str]
    reason: str


class RewriteModel(BaseModel):
    """The model that rewrote."""

    name: str
    revision: str


class Rewrite(BaseModel):
    """What made the prompt be rewritten, and how often it took."""

    attempts: int
    rules: list[str]
    categories: list[str]
    model: RewriteModel


class ModerationSummary(BaseModel):
    """What was decided over a whole request; `decisions` names every decision on record."""

    request_id: str
    outcome: Literal["delivered", "partial"]
    decision: str
    decisions: list[str]
    action: str
    policy: PolicyName
    severities: Severities
    degraded: bool
    images: Inspected
    rewrite: Rewrite | None
    withheld: list[Withheld]


class ImageModeration(BaseModel):
    """What was decided over one picture; `decision` is null only when no classifier saw it."""

    index: int
    seed: int
    inspected: bool
    decision: str | None
    action: str | None
    severities: Severities


class ImageEntry(BaseModel):
    """One picture: `b64_json` or `url`."""

    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None
    moderation: ImageModeration


class TokenDetails(BaseModel):
    """Estimates; see `Usage`."""

    image_tokens: int
    text_tokens: int


class Usage(BaseModel):
    """Estimates: one token per 4 characters of the prompt, one per 16 × 16 pixels drawn."""

    input_tokens: int
    input_tokens_details: TokenDetails
    output_tokens: int
    output_tokens_details: TokenDetails
    total_tokens: int


class ImagesResponse(BaseModel):
    """The pictures that may leave."""

    created: int
    data: list[ImageEntry]
    background: Literal["opaque"]
    output_format: Literal["png", "jpeg", "webp"]
    quality: str | None
    size: str | None
    usage: Usage
    moderation: ModerationSummary


class ModerationDetails(BaseModel):
    """Where a block fell, and the categories of the rules that matched."""

    moderation_stage: Literal["input", "output"]
    categories: list[str]


class Refusal(BaseModel):
    """Our own part of a block: the decision, its public reason and what led to it."""

    decision: str
    stage: Literal["prompt", "prompt-recheck", "image"]
    action: str
    reason: str
    policy: PolicyName
    severities: Severities
    degraded: bool
    images: Inspected
    withheld: list[Withheld]


class ErrorObject(BaseModel):
    """What went wrong. The last two are there for `moderation_blocked` and `moderation_held` only."""

    message: str
    type: str
    param: str | None
    code: str
    moderation_details: ModerationDetails | None = None
    moderation: Refusal | None = None


class ErrorBody(BaseModel):
    """Every error has this shape."""

    error: ErrorObject


_BY_CATEGORY = "The thirteen categories of OpenAI's moderation endpoint, always all of them."


class ModerationEntry(BaseModel):
    """One answer. `flagged`: the policy does more than allow."""

    model_config = _OPEN
    flagged: bool
    categories: dict[str, bool] = Field(description=_BY_CATEGORY)
    category_scores: dict[str, float] = Field(description=_BY_CATEGORY)
    category_applied_input_types: dict[str, list[Literal["text", "image"]]] = Field(description=_BY_CATEGORY)
    moderation: dict[str, Any]


class ModerationsResponse(BaseModel):
    """One result per text in order, or one for a multimodal input."""

    id: str
    model: str
    results: list[ModerationEntry]


class Model(BaseModel):
    """A name that a request can use, or that a record can hold."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    kind: Literal["generator", "rewriter", "classifier", "policy"]


class ModelList(BaseModel):
    """All of them."""

    object: Literal["list"]
    data: list[Model]


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"]


class Ready(BaseModel):
    """Every component with "ok"."""

    status: Literal["ready"]
    components: dict[str, str]


class NotReady(BaseModel):
    """Every component with "ok" or its reason."""

    status: Literal["not_ready"]
    components: dict[str, str]
    error: ErrorObject


class RecordPage(BaseModel):
    """Records, newest first: public parts with their place and leaf hash."""

    object: Literal["list"]
    data: list[dict[str, Any]]
    next_cursor: str | None
    has_more: bool


class LogHead(BaseModel):
    """Durable size of the log and its RFC 9162 root in hex."""

    size: int
    root: str


_ERRORS: Final[Mapping[int, str]] = {
    400: "The request is wrong, or the policy blocks it: see `code`.",
    401: "No API key, or an unknown one.",
    403: "The key's role does not allow this.",
    404: "There is no such thing, or not for this tenant.",
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
_STREAM = {"schema": {"description": "Events, when `stream` is true; docs/api.md tells their fields."}}

GENERATION_RESPONSES: Final[Responses] = {
    200: {
        "model": ImagesResponse,
        "description": "Pictures; with `stream`, events.",
        "headers": _headers(*_HEADERS),
        "content": {"text/event-stream": _STREAM},
    },
    **errors(*_WORK),
}
_PICTURE = {"schema": {"type": "string", "format": "binary"}}
FILE_RESPONSES: Final[Responses] = {
    200: {
        "description": "The picture.",
        "content": {f"image/{form}": _PICTURE for form in ("png", "jpeg", "webp")},
    },
    **errors(404, 500),
}
MODERATION_RESPONSES: Final[Responses] = {
    200: {"model": ModerationsResponse, "description": "Judgements.", "headers": _headers(*_HEADERS)},
    **errors(*_WORK),
}
MODELS_RESPONSES: Final[Responses] = {200: {"model": ModelList}, **errors(*_ACCESS)}
MODEL_RESPONSES: Final[Responses] = {200: {"model": Model}, **errors(404, *_ACCESS)}
HEALTH_RESPONSES: Final[Responses] = {200: {"model": Health}, **errors(500)}
READY_RESPONSES: Final[Responses] = {
    200: {"model": Ready},
    503: {"model": NotReady, "description": "Not ready."},
    **errors(500),
}
METRICS_RESPONSES: Final[Responses] = {
    200: {"description": "Metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    **errors(500),
}
RECORDS_RESPONSES: Final[Responses] = {200: {"model": RecordPage}, **errors(400, *_ACCESS, 503)}
RECORD_RESPONSES: Final[Responses] = {200: {"model": dict[str, Any]}, **errors(404, *_ACCESS, 503)}
CHECKPOINT_RESPONSES: Final[Responses] = {200: {"model": LogHead}, **errors(*_ACCESS, 503)}
