"""What the pipeline needs from the outside: a rewriter, an image generator, an audit log.

Duty: the protocols alone. Concrete classes are named in `gateway.service.wiring` and nowhere else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from classifiers.protocol import Pixels
from classifiers.signals import Span
from gateway.core.requests import SourcePicture


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A model as it goes on record: role (`rewriter`, `generator`), name, revision, weights' sha256.

    `adapter_sha256` is that of a fine-tuning kept apart from the base's weights.
    """

    role: str
    name: str
    revision: str
    sha256: str | None = None
    adapter_sha256: str | None = None


class RewriteMode(StrEnum):
    """What a rewriter is asked for: `SAFETY` takes the offence out, `ENHANCE` adds visual details."""

    SAFETY = "safety"
    ENHANCE = "enhance"


@dataclass(frozen=True, slots=True)
class RewriteRequest:
    """A prompt that policy calls rewritable, with what made it so; or an allowed one to be enhanced.

    `spans` point into `prompt` (code points); `categories` are the matched rules' categories; both are empty
    in the mode `ENHANCE`. `attempt` counts from 0; a later attempt should change more. No secrets and no
    policy text travel here.
    """

    prompt: str
    categories: tuple[str, ...]
    spans: tuple[Span, ...]
    attempt: int = 0
    mode: RewriteMode = RewriteMode.SAFETY


@runtime_checkable
class ReadsSome(Protocol):
    """A rewriter that is asked in its own languages alone."""

    @property
    def languages(self) -> frozenset[str] | None:
        """Two-letter codes; None is any language."""
        ...


def languages_of(rewriter: Rewriter) -> frozenset[str] | None:
    """The languages that a rewriter reads; None is any."""
    return rewriter.languages if isinstance(rewriter, ReadsSome) else None


class Embedder(Protocol):
    """Turns texts into vectors whose angle says how close they are in meaning."""

    @property
    def revision(self) -> str:
        """Which model this is, as it goes on record."""
        ...

    def load(self) -> None:
        """Load; may block for seconds."""
        ...

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return texts × dimensions, in order; may block for milliseconds."""
        ...


class Rewriter(Protocol):
    """Makes a prompt safe; trusted with nothing: its output is judged by the same policy.

    One that reads some languages only says so by an attribute `languages`, two-letter codes; without it, it
    is asked in all.
    """

    @property
    def identity(self) -> ModelIdentity:
        """Which model this is."""
        ...

    async def rewrite(self, request: RewriteRequest) -> str:
        """Return one non-empty line.

        Raises:
            RewriteFailed: the model failed or its output has the wrong form.
        """
        ...

    async def start(self) -> None:
        """Load; called before readiness."""
        ...

    async def close(self) -> None:
        """Release; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: raw pixels, or the bytes that an upstream sent (decoded only when it must be judged).

    Exactly one of `pixels` (H × W × 3 uint8) and `encoded` is set; `mime` goes with `encoded`.
    """

    pixels: Pixels | None = None
    encoded: bytes | None = None
    mime: str = ""

    def __post_init__(self) -> None:
        if (self.pixels is None) == (self.encoded is None):
            raise ValueError("a picture has either pixels or encoded bytes")


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A prompt that was allowed, with the picture's parameters. Batch-shaped: `seeds` has one per picture.

    `preview_count` 0..3: how many times previews are wanted, spread over the steps. `request_id` is the
    idempotency key. `source` is the picture to begin with, judged already and of the result's size.
    """

    request_id: str
    prompt: str
    negative_prompt: str | None
    width: int
    height: int
    seeds: tuple[int, ...]
    steps: int | None = None
    guidance_scale: float | None = None
    preview_count: int = 0
    quality: str = "auto"
    background: str = "auto"
    style: str | None = None
    timeout_s: float = 120.0
    source: SourcePicture | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` of `steps` is done. `previews` is empty, or holds one coarse picture per image."""

    step: int
    steps: int
    previews: tuple[Pixels, ...] = ()


@dataclass(frozen=True, slots=True)
class Generated:
    """The end of a generation: one picture per seed, in order."""

    pictures: tuple[Picture, ...]


GenerationEvent: TypeAlias = Progress | Generated


@dataclass(frozen=True, slots=True)
class GeneratorCard:
    """What a backend can do; requests are checked against it before any model runs.

    `sizes` lists WIDTHxHEIGHT pairs, or is empty when any multiple of `size_step` up to `max_pixels` goes.
    `parameters` names the optional request fields that it honours (`seed`, `negative_prompt`, `steps`,
    `guidance_scale`, `quality`, `background`, `style`, `preview`, and for pictures that a request brings
    `image`, `mask`, `strength`); any other given is refused with 400.
    `default_guidance` is the guidance of requests that name none, where it is known. `refused_syntax` names
    the kinds of control syntax (`gateway.core.prompt_syntax`) that its prompts may not hold; a backend that
    reads prompts as words alone needs none.
    """

    name: str
    identity: ModelIdentity
    default_size: tuple[int, int]
    sizes: tuple[tuple[int, int], ...] = ()
    size_step: int = 8
    max_pixels: int = 2048 * 2048
    max_steps: int = 100
    parameters: frozenset[str] = frozenset()
    default_guidance: float | None = None
    refused_syntax: frozenset[str] = frozenset()


class ImageGenerator(Protocol):
    """Draws. Never judges, never encodes for the client."""

    @property
    def card(self) -> GeneratorCard:
        """What this backend can do."""
        ...

    def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        """Yield `Progress` zero or more times, then `Generated` exactly once.

        Closing the iterator (`aclose`) or cancelling cancels the work within one step.

        Raises:
            RequestInvalid: a parameter that this backend refuses.
            GenerationFailed: the backend failed.
            Overloaded: its queue is full.
            StageTimeout: `timeout_s` ran out.
        """
        ...

    async def start(self) -> None:
        """Load and warm up; called before readiness."""
        ...

    async def close(self) -> None:
        """Release; idempotent."""
        ...


JsonScalar: TypeAlias = str | int | bool | None
Json: TypeAlias = "JsonScalar | Sequence[Json] | Mapping[str, Json]"
"""What a record may hold: no floats, so that its canonical bytes are the same everywhere."""


@dataclass(frozen=True, slots=True)
class RecordDraft:
    """One record before the log adds node, times, sealing and its place.

    `type` is one of decision, config, review, access, erasure, gap, heartbeat; `id` a UUIDv7. `public` is
    hashed and never personal; `sealed` (prompt, actor, …) is encrypted, or None when nothing is personal.
    """

    type: str
    id: str
    public: Mapping[str, Json]
    sealed: Mapping[str, str] | None = None
    tenant: str = "default"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A durable record: its id, its dense index in the log, and its leaf hash (32 bytes)."""

    id: str
    index: int
    leaf: bytes


class AuditLog(Protocol):
    """Append-only; first in, first durable: a record is durable only when all before it are."""

    @property
    def ready(self) -> bool:
        """False once the log can't be trusted to take a record."""
        ...

    def append(self, draft: RecordDraft) -> Future[Receipt]:
        """Queue a record, in call order; the future resolves when it is durable.

        Until somebody waits for it, by `result` or a callback, it may gather others for a shared commit.

        The future is a `concurrent.futures.Future`; it fails with `AuditUnavailable`.

        Raises:
            AuditUnavailable: at once, when the queue is full or the log is closed or broken.
        """
        ...

    def close(self) -> None:
        """Write what is queued, sign, close; idempotent."""
        ...
