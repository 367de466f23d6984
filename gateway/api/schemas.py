"""The bodies of responses as /openapi.json describes them.

Duty: documentation only; the hot routes build bytes themselves. Tests hold these models against
real answers, so that they stay true.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SeverityWord = Literal["low", "medium", "high"]
Severities = dict[str, SeverityWord]
_OPEN: Final = ConfigDict(extra="allow")


class PolicyName(BaseModel):
    """Which policy decided; `revision` is the hash of its compiled form."""

    name: str
    revision: str


class Inspected(BaseModel):
    """How many pictures were made, how many a classifier really saw, which ones did, and what none of them
    looks for."""

    total: int
    inspected: int
    classifiers: list[str]
    uncovered: list[str]


class Withheld(BaseModel):
    """A picture that was not delivered: its place, its decision, and the public reason."""

    index: int
    decision: str
    action: str
    categories: list[str]
    reason: str
    regenerations: int


class RewriteModel(BaseModel):
    """The model that rewrote, with the sha256 of its weights where it has any here."""

    name: str
    revision: str
    sha256: str | None


class Stretch(BaseModel):
    """Characters `[start, end)` of the prompt as written, counted in code points."""

    start: int
    end: int


class Rewrite(BaseModel):
    """What made the prompt be rewritten, what was changed in it, and how far the rewrite lies from it.

    In the mode `enhance` the prompt was allowed as it stood, and `rules` and `categories` are empty."""

    mode: Literal["safety", "enhance"]
    attempts: int
    rules: list[str]
    categories: list[str]
    changed: list[Stretch]
    drift: float
    model: RewriteModel


class HeldTicket(BaseModel):
    """Where to ask for what is held; `deadline` (Unix seconds) is when it is refused at last."""

    ticket: str
    url: str
    deadline: int


class ModerationSummary(BaseModel):
    """What was decided over a whole request; `decisions` names those that let it through
    or withheld a picture; a prompt's judgement before its rewrite is in the log under the same request."""

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
    held: HeldTicket | None = None


class ImageModeration(BaseModel):
    """What was decided over one picture; `decision` is null only when no classifier saw it.
    `regenerations` counts how often it was regenerated."""

    index: int
    seed: int
    inspected: bool
    decision: str | None
    action: str | None
    severities: Severities
    regenerations: int


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
    stage: Literal["prompt", "prompt-recheck", "image", "input-image"]
    action: str
    reason: str
    policy: PolicyName
    severities: Severities
    degraded: bool
    images: Inspected
    withheld: list[Withheld]
    held: HeldTicket | None = None


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


class HeldWaiting(BaseModel):
    """A held request that waits for a person, at most until `deadline` (Unix seconds)."""

    status: Literal["waiting"]
    ticket: str
    deadline: int


class HeldRefused(BaseModel):
    """A held request that was not released; `reason` is public, `settled` Unix seconds."""

    status: Literal["refused"]
    ticket: str
    reason: str
    settled: int


class HeldReleased(ImagesResponse):
    """A held request that was released, in a generation's shape."""

    status: Literal["released"]
    ticket: str


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


class UnsealedRecord(BaseModel):
    """The sealed fields of a record, and the id of the record that says who looked."""

    id: str
    access: str
    fields: dict[str, str]


class LogHead(BaseModel):
    """Durable size of the log and its RFC 9162 root in hex."""

    size: int
    root: str
