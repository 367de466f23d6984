"""What crosses the review desk's line: who reviews, what they see, what they do. Frozen.

It knows no SQL and no HTTP.
Times are µs UTC. A case's id is the id of the record that closed its request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.core.ports import Json

MINORS_QUEUE: Final = "minors"
"""Where everything goes that a lock on sexual content with minors caught; its cases have no picture."""
LEAD_QUEUE: Final = "lead"
"""Where two reviewers' disagreement and what was escalated go; a lead's key has the role admin."""
GENERAL_QUEUE: Final = "general"
"""Where a policy's routes send nothing else."""


class Ground(StrEnum):
    """Why a case is there, in the order in which cases are shown."""

    HELD = "held"
    APPEAL = "appeal"
    BLOCKED = "blocked"
    REWRITTEN = "rewritten"
    REDACTED = "redacted"
    DEGRADED = "degraded"
    SAMPLED = "sampled"
    DISAGREEMENT = "disagreement"
    SHADOW = "shadow"

    @property
    def rank(self) -> int:
        """Its place in the order, 0 first."""
        return list(Ground).index(self)


class CaseState(StrEnum):
    """Where a case stands. `LEAD` waits for a lead, `SECOND` for another reviewer than the first."""

    OPEN = "open"
    SECOND = "second"
    LEAD = "lead"
    LATER = "later"
    DECIDED = "decided"


class Act(StrEnum):
    """What a reviewer does; each is a record of its own, and none edits a decision."""

    CONFIRM = "confirm"
    OVERTURN = "overturn"
    RELEASE = "release"
    REFUSE = "refuse"
    LATER = "later"
    ESCALATE = "escalate"
    NOTE = "note"
    TAG = "tag"
    UNDO = "undo"

    @property
    def decides(self) -> bool:
        """Whether it answers the question of a case."""
        return self in (Act.CONFIRM, Act.OVERTURN, Act.RELEASE, Act.REFUSE)


OVERTURN_TO: Final = ("allow", "rewrite", "block")
"""What a reviewer may say that a decision should have been."""


class TicketState(StrEnum):
    """Where a held request stands, as its client is told: `KEPT` and `RELEASING` read as waiting."""

    KEPT = "kept"
    WAITING = "waiting"
    RELEASING = "releasing"
    RELEASED = "released"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who reviews: a key's id, whether it is a lead's (role admin), and the one tenant it sees; None: all."""

    key_id: str
    lead: bool
    tenant: str | None

    @property
    def role(self) -> str:
        """The role as it goes on record."""
        return "admin" if self.lead else "review"


@dataclass(frozen=True, slots=True)
class QueueQuery:
    """Which cases to list; every given field must fit. `cursor` is a page's `next_cursor`."""

    queue: str | None = None
    ground: Ground | None = None
    state: CaseState | None = None
    tenant: str | None = None
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class CaseLock:
    """Who has a case in hand. `acquired` is true when the one who asked has it now."""

    case_id: str
    acquired: bool
    locked_by: str | None
    until_us: int | None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case as a list shows it: one row a request.

    `stage`, `action` and `verdict` are the request's as carried out; `rules`, `shadow` and `categories`
    led to them. `deadline_us` is set while a hold waits. `minors` means: no picture, tile, sample or label.
    """

    id: str
    request_id: str
    tenant: str
    queue: str
    ground: Ground
    state: CaseState
    priority: int
    time_us: int
    deadline_us: int | None
    surface: str
    stage: str
    action: str
    verdict: str
    degraded: bool
    policy: str
    revision: str
    model: str
    decision: str
    rules: tuple[str, ...]
    shadow: tuple[str, ...]
    categories: tuple[str, ...]
    minors: bool
    has_tile: bool
    locked_by: str | None
    locked_until_us: int | None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Cases in the order in which they should be worked on, and where the next page begins, if any."""

    cases: tuple[CaseRow, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class QueueCount:
    """How many cases of a queue wait, how many of them are held requests, and since when the oldest waits."""

    queue: str
    waiting: int
    held: int
    oldest_us: int | None


@dataclass(frozen=True, slots=True)
class PastAct:
    """One act on a case. `reviewer` is a key's id; `effective_us` is when its effect leaves."""

    id: str
    act: Act
    reviewer: str
    role: str
    time_us: int
    effective_us: int
    to_action: str | None
    reason: str | None
    tags: tuple[str, ...]
    has_note: bool
    undone_by: str | None


@dataclass(frozen=True, slots=True)
class KeptItem:
    """A picture that is kept for a case: its place among the n, `tile` or `full`, until when."""

    picture: int
    kind: str
    mime: str
    size_bytes: int
    expires_us: int | None


@dataclass(frozen=True, slots=True)
class TicketView:
    """Where a held request stands: `reason` is public, `deadline_us` counts while it waits."""

    id: str
    tenant: str
    state: TicketState
    stage: str
    deadline_us: int
    at_deadline: str
    settled_us: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class UserNumbers:
    """An end user's last 30 days in numbers; `tag` is the keyed hash. Nothing here names anybody."""

    tag: str
    requests: int
    blocked: int
    held: int
    rewritten: int
    first_us: int | None


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """A whole case. `records` are public parts of the request's records with `index` and `leaf`, in order.

    `acts` are oldest first. For a second reviewer, who is blind to the first, deciding acts, notes and tags
    of others are left out, and `blind` says so. `reason_needed` names the acts that need a reason.
    """

    row: CaseRow
    records: tuple[Mapping[str, Json], ...]
    acts: tuple[PastAct, ...]
    kept: tuple[KeptItem, ...]
    ticket: TicketView | None
    user: UserNumbers | None
    lock: CaseLock
    blind: bool
    reason_needed: tuple[Act, ...]


@dataclass(frozen=True, slots=True)
class OpenedTexts:
    """The sealed texts of a case's records, by record id; `access` is the record that says who looked.

    `erased` names records whose text is gone.
    """

    access: str
    fields: Mapping[str, Mapping[str, str]]
    erased: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenedPicture:
    """A kept picture, and the record that says who looked."""

    access: str
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ActRequest:
    """What a reviewer asks for. `to` goes with `OVERTURN`; `note` is sealed; `tags` are short words."""

    act: Act
    to: str | None = None
    reason: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActDone:
    """An act on record: its record's id, when its effect leaves, and the case's state after it."""

    id: str
    case_id: str
    act: Act
    effective_us: int
    state: CaseState


@dataclass(frozen=True, slots=True)
class ActRefused:
    """One case of a bulk that was left as it was, and the sentence that says why."""

    case_id: str
    message: str


@dataclass(frozen=True, slots=True)
class BulkDone:
    """What came of a bulk, one record a case."""

    done: tuple[ActDone, ...]
    refused: tuple[ActRefused, ...]
