"""`review` records: how an act goes on record, and how it is read again.

Duty: acts → drafts, public parts → acts. The public part names no person: `reviewer` is a hash of the key's
id; the id itself and the note are sealed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.audit.record import new_id
from gateway.core.ports import Json, RecordDraft
from gateway.review.types import Act, ActRequest, CaseRow, Reviewer

SETTLE = "settle"
"""The act of the gateway itself that ends a held request: `settled` says how, `by` after which act."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a held request ended: `released` or `refused`, by which act (None: its deadline), what left."""

    settled: str
    by: str | None
    fault: str | None = None
    out: tuple[Mapping[str, Json], ...] = ()


def reviewer_tag(key_id: str) -> str:
    """Return how a reviewer shows in public parts: two acts of one key can be told to be that."""
    return hashlib.sha256(b"imagegate reviewer\x00" + key_id.encode()).hexdigest()[:16]


def act_draft(
    case: CaseRow, who: Reviewer, asked: ActRequest, *, effective_us: int, undoes: str | None = None
) -> RecordDraft:
    """Return the record of one act; its effect leaves at `effective_us`."""
    public: dict[str, Json] = {
        **_about(case),
        "act": asked.act.value,
        "effective_us": effective_us,
        "reviewer": reviewer_tag(who.key_id),
        "role": who.role,
        "tags": list(asked.tags),
    }
    optional = (("to", asked.to), ("reason", asked.reason), ("undoes", undoes))
    public.update({key: value for key, value in optional if value is not None})
    sealed = {"actor": who.key_id}
    if asked.note is not None:
        public["noted"] = True
        sealed["note"] = asked.note
    return RecordDraft("review", new_id(), public, sealed, case.tenant)


def settle_draft(case: CaseRow, settlement: Settlement) -> RecordDraft:
    """Return the record that ends a held request; until it is durable nothing leaves."""
    public: dict[str, Json] = {
        **_about(case),
        "act": SETTLE,
        "by": settlement.by,
        "out": list(settlement.out),
        "settled": settlement.settled,
    }
    if settlement.fault is not None:
        public["fault"] = settlement.fault
    return RecordDraft("review", new_id(), public, None, case.tenant)


def act_row(index: int, public: Mapping[str, Any], actor: str) -> tuple[object, ...] | None:
    """Return the row of `acts` for a record's public part; None for what is no act of a person."""
    try:
        act = Act(public["act"])
    except ValueError:
        return None
    tags: Sequence[str] = public.get("tags") or ()
    return (
        public["id"],
        index,
        public["case"],
        public["decision"],
        act.value,
        actor,
        public.get("role", ""),
        public["time_us"],
        public.get("effective_us", public["time_us"]),
        public.get("to"),
        public.get("reason"),
        " ".join(tags),
        int(bool(public.get("noted"))),
        None,
    )


def _about(case: CaseRow) -> dict[str, Json]:
    return {
        "case": case.id,
        "decision": case.decision,
        "request": {"id": case.request_id, "surface": case.surface, "tenant": case.tenant},
    }
