"""What the fault tests ask of an audit log from outside: its rows, its gaps, and whether it verifies."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from gateway.audit import AuditSettings, new_id
from gateway.audit.checkpoint import Verifier
from gateway.audit.tree import inclusion_ranges, root_of
from gateway.audit.verify import verify
from gateway.core.ports import Json, RecordDraft


def draft(stage: str = "outcome") -> RecordDraft:
    public: dict[str, Json] = {
        "request": {"id": new_id(), "tenant": "default", "surface": "http"},
        "stage": stage,
        "action": "allow",
    }
    return RecordDraft(type="decision", id=new_id(), public=public, sealed={"prompt": "a red apple"})


def stored_ids(settings: AuditSettings) -> list[str]:
    connection = sqlite3.connect(settings.database)
    try:
        return [row[0] for row in connection.execute("SELECT id FROM records ORDER BY idx")]
    finally:
        connection.close()


def gap_reasons(settings: AuditSettings) -> list[str]:
    connection = sqlite3.connect(settings.database)
    try:
        bodies = connection.execute("SELECT body FROM records WHERE type = 'gap' ORDER BY idx").fetchall()
        return [json.loads(body[0])["reason"] for body in bodies]
    finally:
        connection.close()


def verified(settings: AuditSettings) -> bool:
    key = Verifier.parse(settings.verifier_key.read_text())
    report = verify(settings.database, [key], settings.heads, open_for_s=0)
    assert report.ok, [found for found in report.checks if not found.ok]
    return True


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of a leaf, from all leaves; a prover reads each range's root from the database."""
    return [root_of(leaves[low:high]) for low, high in inclusion_ranges(len(leaves), index)]
