"""A scripted gateway service: answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from classifiers.signals import Findings, Modality, Signal
from gateway.api.surface import AuditPage, Emit, ModelEntry, Unsealed
from gateway.audit.filters import RecordFilter
from gateway.core.errors import NotFound, RequestInvalid
from gateway.core.moderation_types import Moderation, ModerationInput
from gateway.core.outcomes import (
    Coverage,
    Delivered,
    DeliveredImage,
    Keep,
    Outcome,
    Partial,
    WithheldImage,
)
from gateway.core.ports import GeneratorCard, Json, ModelIdentity
from gateway.core.requests import Caller, ImageRequest
from gateway.review.holding import HeldState
from policies.decision import Action, Decision, Mode, PolicyRef, RuleHit, Severity, Stage
from support.desk import EmptyDesk

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
POLICY = PolicyRef("default", "ab12cd34")
CARD = GeneratorCard(
    name="emoji",
    identity=ModelIdentity("generator", "emoji", "1"),
    default_size=(64, 64),
    sizes=((64, 64), (128, 128)),
    max_steps=50,
    parameters=frozenset(
        {"seed", "steps", "guidance_scale", "preview", "negative_prompt", "image", "mask", "strength"}
    ),
)
PLAIN_CARD = replace(CARD, name="plain", parameters=frozenset(), sizes=(), max_pixels=256 * 256)


def client_of(app: Any) -> httpx.AsyncClient:
    """Calls the application without a socket, under a loopback name."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8080")


async def call_raw(
    app: Any, path: str, body: bytes, leave: asyncio.Event, on_body: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """POST to the application as a server would; the client hangs up when `leave` is set."""
    sent: list[dict[str, Any]] = []
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        message = next(messages, None)
        if message is None:
            await leave.wait()
            return {"type": "http.disconnect"}
        return message

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message.get("body"):
            on_body()

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1), "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


@dataclass(frozen=True)
class FakeDoor:
    max_connections: int = 100
    max_connections_per_address: int = 50
    max_head_bytes: int = 16_384
    max_headers: int = 100
    max_pipelined: int = 8
    first_byte_timeout_s: float = 10.0
    head_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    idle_timeout_s: float = 75.0
    write_timeout_s: float = 30.0


@dataclass(frozen=True)
class FakeServer:
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None
    max_body_bytes: int = 1_000_000
    max_image_body_bytes: int = 32_000_000
    max_concurrent: int = 4
    max_queued: int = 2
    max_held_bytes: int = 256_000_000
    max_audit_readers: int = 4
    request_timeout_s: float = 30.0
    drain_s: float = 5.0
    image_url_ttl_s: float = 3600.0
    door: FakeDoor = field(default_factory=FakeDoor)


@dataclass(frozen=True)
class FakePolicies:
    low: str | None = None


@dataclass(frozen=True)
class FakeSettings:
    images_folder: Path = Path("unused")
    server: FakeServer = field(default_factory=FakeServer)
    policies: FakePolicies = field(default_factory=FakePolicies)
    keys_file: Path | None = None
    default_generator: str = "emoji"


def decision(
    action: Action = Action.ALLOW,
    stage: Stage = Stage.PROMPT,
    *,
    name: str = "dec-1",
    category: str = "violence/graphic",
    severity: Severity = Severity.HIGH,
    score: float = 0.91,
    **more: Any,
) -> Decision:
    """A decision; anything but ALLOW comes with a rule hit and a signal in `category`."""
    hit = RuleHit("no-harm", action, Mode.ENFORCE, category, severity, score, 0.8, "words", "It shows harm.")
    told = action is not Action.ALLOW
    fields: dict[str, Any] = {
        "id": name,
        "stage": stage,
        "verdict": action,
        "action": action,
        "rules": (hit,) if told else (),
        "shadow": (),
        "degraded": False,
        "failed_closed": False,
        "policy": POLICY,
        "findings": Findings(
            (Signal(category, score, "words", "1"),) if told else (), inspected_by=("words",)
        ),
        "severities": {category: severity} if told else {},
        "public_reason": "It shows harm." if told else "",
    }
    return Decision(**{**fields, **more})


def image(index: int = 0, content: bytes = PNG, request: ImageRequest | None = None) -> DeliveredImage:
    return DeliveredImage(
        index=index,
        content=content,
        format=request.output_format
        if request
        else ImageRequest.__dataclass_fields__["output_format"].default,
        width=request.width if request else 64,
        height=request.height if request else 64,
        seed=(request.seed if request else 7) + index,
        decision=decision(stage=Stage.IMAGE, name=f"img-{index}"),
    )


def withheld(index: int) -> WithheldImage:
    return WithheldImage(index, decision(Action.BLOCK, Stage.IMAGE, name=f"img-{index}"))


def delivered(request: ImageRequest) -> Delivered:
    images = tuple(image(index, request=request) for index in range(request.n))
    return Delivered(images, decision(), None, Coverage(request.n, request.n, ("opennsfw",)))


class ScriptedService:
    """`answer` makes the outcome; it may be a coroutine function, and may raise."""

    def __init__(self, settings: FakeSettings | None = None) -> None:
        self.settings = settings or FakeSettings()
        self.answer: Callable[..., Any] = delivered
        self.moderation: Callable[[ModerationInput], Moderation] = lambda _: Moderation(
            ((Modality.TEXT, decision()),), {Modality.TEXT: frozenset({"violence/graphic", "hate"})}
        )
        self.states: dict[str, str] = {"models": "ok", "audit": "ok"}
        self.records: list[dict[str, Json]] = []
        self.requests: list[ImageRequest] = []
        self.moderated: list[tuple[Sequence[ModerationInput], str, Caller]] = []
        self.moderated_within_s: list[float] = []
        self.asked: list[tuple[RecordFilter, str | None, int]] = []
        self.unsealed: list[tuple[str, str]] = []
        self.cancelled = 0
        self.life: list[str] = []

    async def start(self) -> None:
        self.life.append("start")

    async def close(self) -> None:
        self.life.append("close")

    async def generate(
        self, request: ImageRequest, emit: Emit | None = None, keep: Keep | None = None
    ) -> Outcome:
        self.requests.append(request)
        try:
            answer = self.answer(request) if emit is None else self._streamed(request, emit)
            outcome: Outcome = await answer if asyncio.iscoroutine(answer) else answer
            if keep is not None and isinstance(outcome, Delivered | Partial):
                await keep(outcome.images)
            return outcome
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def _streamed(self, request: ImageRequest, emit: Emit) -> Any:
        return self.answer(request) if self.answer is delivered else self.answer(request, emit)

    async def moderate(
        self, inputs: Sequence[ModerationInput], *, request_id: str, caller: Caller, timeout_s: float
    ) -> tuple[Moderation, ...]:
        self.moderated.append((inputs, request_id, caller))
        self.moderated_within_s.append(timeout_s)
        return tuple(self.moderation(one) for one in inputs)

    @property
    def desk(self) -> Any:
        return EmptyDesk()

    async def held(self, ticket: str, caller: Caller) -> HeldState:
        raise NotFound("There is no such ticket in this tenant.", param="ticket")

    def generator_card(self, model: str) -> GeneratorCard:
        cards = {"emoji": CARD, "plain": PLAIN_CARD}
        if model not in cards:
            raise RequestInvalid("There is no such model; the models are: emoji, plain.", param="model")
        return cards[model]

    def models(self) -> tuple[ModelEntry, ...]:
        return (ModelEntry("emoji", "imagegate", "generator"), ModelEntry("words", "imagegate", "classifier"))

    def readiness(self) -> Mapping[str, str]:
        return self.states

    def checkpoint(self) -> tuple[int, str]:
        return 42, "ab" * 32

    async def audit_records(self, filters: RecordFilter, cursor: str | None, limit: int) -> AuditPage:
        self.asked.append((filters, cursor, limit))
        return AuditPage(tuple(self.records), "next" if cursor is None else None)

    async def audit_record(self, record_id: str) -> Mapping[str, Json] | None:
        return next((record for record in self.records if record["id"] == record_id), None)

    async def audit_proof(self, record_id: str) -> str:
        return f"proof of {record_id}\n"

    async def audit_unseal(self, record_id: str, caller: Caller) -> Unsealed:
        self.unsealed.append((record_id, caller.actor))
        return Unsealed(record_id, "access-1", {"prompt": "a red apple"})
