"""From a draft to a stored record: ids, stamps, the public part's bytes, and the columns that are searched.

Public part = what the caller drafted, plus `v`, `type`, `id`, `tenant`, `node`, `time_us` (UTC),
`monotonic_us`, `boot` (the machine's boot that `monotonic_us` counts in) and, with a sealed part, `sealed`.
It opens no database.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import uuid_utils

from gateway.audit.canonical import RecordInvalid, canonical
from gateway.audit.sealing import SealedPart, Sealer
from gateway.core.ports import RecordDraft

FORMAT: Final = 1
TYPES: Final = frozenset({"decision", "config", "review", "access", "erasure", "gap", "heartbeat"})
_OWN: Final = frozenset({"v", "node", "time_us", "monotonic_us", "boot", "sealed"})
JUMP_US: Final = 2_000_000
"""Wall clock against monotonic clock: a larger shift between two records is recorded as a `gap`."""


def new_id() -> str:
    """Return a UUIDv7 as text (RFC 9562): ids of one process sort in the order in which they were made."""
    return str(uuid_utils.uuid7())


def boot_id() -> str:
    """Return the kernel's id of this boot, or a random one where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Searched:
    """The columns that are extracted from a public part, and nothing but it."""

    id: str
    type: str
    time_us: int
    tenant: str
    request_id: str | None
    stage: str | None
    action: str | None
    policy_revision: str | None
    degraded: int
    marks: tuple[tuple[str, str], ...]
    """(`rule`, `category` or `shadow`, value), without doubles."""


@dataclass(slots=True)
class Entry:
    """One record ready to be written; its place is given by the writer."""

    id: str
    body: bytes
    leaf: bytes
    row: tuple[str | int | None, ...]
    marks: tuple[tuple[str, str], ...]
    sealed: SealedPart | None


def searched(public: Mapping[str, Any]) -> Searched:
    """Extract the searched columns of a full public part. Fields of another form count as absent."""
    request, policy = public.get("request"), public.get("policy")
    rules = public.get("rules")
    return Searched(
        id=public["id"],
        type=public["type"],
        time_us=public["time_us"],
        tenant=public["tenant"],
        request_id=_text(request.get("id")) if isinstance(request, Mapping) else None,
        stage=_text(public.get("stage")),
        action=_text(public.get("action")),
        policy_revision=_text(policy.get("revision")) if isinstance(policy, Mapping) else None,
        degraded=int(public.get("degraded") is True),
        marks=_all_marks(public, rules),
    )


def row_of(found: Searched) -> tuple[str | int | None, ...]:
    """The scalar columns in the table's order."""
    return (
        found.id,
        found.type,
        found.time_us,
        found.tenant,
        found.request_id,
        found.stage,
        found.action,
        found.policy_revision,
        found.degraded,
    )


class RecordMaker:
    """Makes entries for one node. Thread-safe: it keeps only the last seen shift of the clocks."""

    def __init__(
        self,
        node: str,
        sealer: Sealer,
        *,
        boot: str | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._node = node
        self._sealer = sealer
        self._boot = boot or boot_id()
        self._clock_ns = clock_ns
        self._monotonic_ns = monotonic_ns
        self._shift_us = self._shift()

    def _shift(self) -> int:
        return (self._clock_ns() - self._monotonic_ns()) // 1000

    def clock_jump_us(self) -> int:
        """How far the wall clock jumped against the monotonic one since the last call; 0 when within 2 s."""
        shift = self._shift()
        jump, self._shift_us = shift - self._shift_us, shift
        return jump if abs(jump) > JUMP_US else 0

    def make(self, draft: RecordDraft) -> Entry:
        """Stamp, seal and encode one draft.

        Raises:
            RecordInvalid: an unknown type, a key that the log writes, or a value without canonical form.
        """
        public = dict(draft.public)
        _check(draft, public)
        sealed = self._sealer.seal(draft.id, draft.type, draft.sealed) if draft.sealed else None
        public["v"] = FORMAT
        public["type"] = draft.type
        public["id"] = draft.id
        public["tenant"] = draft.tenant
        public["node"] = self._node
        public["time_us"] = self._clock_ns() // 1000
        public["monotonic_us"] = self._monotonic_ns() // 1000
        public["boot"] = self._boot
        if sealed is not None:
            public["sealed"] = sealed.public()
        body = canonical(public)
        found = searched(public)
        return Entry(draft.id, body, sha256(b"\x00" + body).digest(), row_of(found), found.marks, sealed)


def _check(draft: RecordDraft, public: Mapping[str, object]) -> None:
    if draft.type not in TYPES:
        raise RecordInvalid(f"record type must be one of {', '.join(sorted(TYPES))}")
    if not _OWN.isdisjoint(public):
        raise RecordInvalid(f"the log itself writes {', '.join(sorted(_OWN & public.keys()))}; leave it out")
    if (
        public.get("id", draft.id) != draft.id
        or public.get("type", draft.type) != draft.type
        or public.get("tenant", draft.tenant) != draft.tenant
    ):
        raise RecordInvalid(
            "id, type and tenant of the public part must be those of the draft; leave them out"
        )


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str) else None


def _all_marks(public: Mapping[str, Any], rules: object) -> tuple[tuple[str, str], ...]:
    """What was hit here; in a closing record, what led to it (`because`) and which rules were on trial."""
    hits = _marks(rules) if rules and isinstance(rules, Sequence) else ()
    because, shadowed = public.get("because"), public.get("shadowed")
    if isinstance(because, list | tuple):
        hits += _marks(because)
    if isinstance(shadowed, list | tuple):
        hits += tuple(("shadow", str(rule)) for rule in dict.fromkeys(shadowed) if isinstance(rule, str))
    return hits


def _marks(rules: Sequence[object]) -> tuple[tuple[str, str], ...]:
    """Rules and categories that were hit, for filters by either."""
    found: dict[tuple[str, str], None] = {}
    for rule in rules:
        if isinstance(rule, Mapping):
            for kind, value in (("rule", rule.get("id")), ("category", rule.get("category"))):
                if isinstance(value, str) and value:
                    found[kind, str(value)] = None
    return tuple(found)
