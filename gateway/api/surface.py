"""What the HTTP edge needs from the inside: the service, and the settings it reads.

Duty: protocols and the plain types that cross this line. `gateway.service.gateway` fulfils them; tests put a
scripted class in its place. It knows no framework.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from gateway.audit.filters import RecordFilter
from gateway.core.moderation_types import Moderation, ModerationInput
from gateway.core.outcomes import Keep, Outcome, StreamEvent
from gateway.core.policies_in_force import PoliciesInForce
from gateway.core.ports import GeneratorCard, Json
from gateway.core.requests import Caller, ImageRequest
from gateway.review.desk import ReviewDesk
from gateway.review.holding import HeldState

Emit: TypeAlias = Callable[[StreamEvent], Awaitable[None]]
"""Takes progress and judged previews while a request runs."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of `/v1/models`: the name a request can use, who owns it, and what it does."""

    id: str
    owned_by: str
    kind: Literal["generator", "rewriter", "classifier", "policy"]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Records newest first (public parts with `index` and `leaf`), and where the next page begins, if any."""

    records: tuple[Mapping[str, Json], ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Unsealed:
    """The sealed fields of record `id`, and the id of the `access` record that says who looked."""

    id: str
    access: str
    fields: Mapping[str, str]


class DoorSettings(Protocol):
    """The part of the settings that bounds connections; sizes in bytes, times in seconds."""

    @property
    def max_connections(self) -> int:
        """Open connections in all."""
        ...

    @property
    def max_connections_per_address(self) -> int:
        """Open connections from one address."""
        ...

    @property
    def max_head_bytes(self) -> int:
        """Largest request line and headers."""
        ...

    @property
    def max_headers(self) -> int:
        """Most headers of a request."""
        ...

    @property
    def max_pipelined(self) -> int:
        """Requests that may wait behind the first on one connection."""
        ...

    @property
    def first_byte_timeout_s(self) -> float:
        """From connecting to the first byte."""
        ...

    @property
    def head_timeout_s(self) -> float:
        """From a head's first byte to its end."""
        ...

    @property
    def body_timeout_s(self) -> float:
        """From the head to the body's end."""
        ...

    @property
    def idle_timeout_s(self) -> float:
        """From an answer to the next request."""
        ...

    @property
    def write_timeout_s(self) -> float:
        """In which a client must take a part of its answer."""
        ...


class ServerSettings(Protocol):
    """The part of the settings that HTTP reads; sizes in bytes, times in seconds."""

    @property
    def host(self) -> str:
        """Address to bind."""
        ...

    @property
    def port(self) -> int:
        """Port to bind."""
        ...

    @property
    def public_url(self) -> str | None:
        """Base of the addresses given to clients; None takes the request's own."""
        ...

    @property
    def max_body_bytes(self) -> int:
        """Largest body of a route that takes no pictures."""
        ...

    @property
    def max_image_body_bytes(self) -> int:
        """Largest body of a route that takes pictures as data URLs."""
        ...

    @property
    def max_concurrent(self) -> int:
        """Requests worked on at once."""
        ...

    @property
    def max_queued(self) -> int:
        """Requests that may wait for a place."""
        ...

    @property
    def max_held_bytes(self) -> int:
        """Bodies, decoded pictures and answers in memory, of all requests together."""
        ...

    @property
    def max_audit_readers(self) -> int:
        """Requests that read the log at once."""
        ...

    @property
    def request_timeout_s(self) -> float:
        """Bound of one whole request."""
        ...

    @property
    def drain_s(self) -> float:
        """How long a stopping server waits for accepted work."""
        ...

    @property
    def image_url_ttl_s(self) -> float:
        """How long a picture behind a URL can be fetched."""
        ...

    @property
    def door(self) -> DoorSettings:
        """Connections."""
        ...


class PolicyChoices(Protocol):
    """The part of the policy settings that HTTP reads."""

    @property
    def low(self) -> str | None:
        """Policy that `moderation: low` selects; None refuses it."""
        ...


class ApiSettings(Protocol):
    """Settings as the HTTP edge sees them."""

    @property
    def server(self) -> ServerSettings:
        """The server's own part."""
        ...

    @property
    def policies(self) -> PolicyChoices:
        """The policies' part."""
        ...

    @property
    def default_generator(self) -> str:
        """Backend of requests that name no model."""
        ...

    @property
    def keys_file(self) -> Path | None:
        """API keys; None serves loopback only, without keys."""
        ...

    @property
    def images_folder(self) -> Path:
        """Where pictures behind URLs lie."""
        ...


class GatewayService(Protocol):
    """All that a route may ask for. Each call either answers or raises a `GatewayError`."""

    @property
    def settings(self) -> ApiSettings:
        """The running settings."""
        ...

    @property
    def desk(self) -> ReviewDesk:
        """What reviewers see and do."""
        ...

    @property
    def policies(self) -> PoliciesInForce:
        """The policies as they are now."""
        ...

    async def generate(
        self, request: ImageRequest, emit: Emit | None = None, keep: Keep | None = None
    ) -> Outcome:
        """Run the whole path; cancelling cancels generation and still closes the record.

        `keep` stores what may leave before the record says that it left.
        """
        ...

    async def held(self, ticket: str, caller: Caller) -> HeldState:
        """Where a held request stands. Raises NotFound for another tenant's ticket."""
        ...

    async def moderate(
        self, inputs: Sequence[ModerationInput], *, request_id: str, caller: Caller, timeout_s: float
    ) -> tuple[Moderation, ...]:
        """Judge every input by the caller's policy within `timeout_s`; one answer per input, in order."""
        ...

    def generator_card(self, model: str) -> GeneratorCard:
        """What the backend of that name can do. Raises RequestInvalid(param="model") for an unknown one."""
        ...

    def models(self) -> tuple[ModelEntry, ...]:
        """Everything that `/v1/models` lists."""
        ...

    def readiness(self) -> Mapping[str, str]:
        """Component → "ok", or why it is not ready."""
        ...

    def checkpoint(self) -> tuple[int, str]:
        """Durable size of the log and its root in hex; cheap enough for every response."""
        ...

    async def audit_records(self, filters: RecordFilter, cursor: str | None, limit: int) -> AuditPage:
        """One page of records. Raises RequestInvalid for a cursor that is not one of ours."""
        ...

    async def audit_record(self, record_id: str) -> Mapping[str, Json] | None:
        """One record's public part with `index` and `leaf`, or None."""
        ...

    async def audit_proof(self, record_id: str) -> str:
        """One record's proof as text. Raises NotFound, and Conflict while no signed head covers it."""
        ...

    async def audit_unseal(self, record_id: str, caller: Caller) -> Unsealed:
        """One record's sealed fields; who looked is durable first. Raises NotFound."""
        ...
