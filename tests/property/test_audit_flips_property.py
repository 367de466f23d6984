"""Any flipped bit of a closed log is found, or changed nothing that the log says."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from gateway.audit import AuditSettings, SqliteAuditLog, new_id
from gateway.audit.checkpoint import Verifier
from gateway.audit.sealing import Sealer
from gateway.audit.verify import verify
from gateway.core.ports import RecordDraft

FLIPS = 300
_SAID = ("SELECT * FROM records", "SELECT * FROM marks", "SELECT * FROM sealed", "SELECT * FROM sealed_keys",
         "SELECT size, root, peaks, note FROM checkpoints")  # fmt: skip


@pytest.fixture(scope="module")
def closed_log(tmp_path_factory: pytest.TempPathFactory) -> AuditSettings:
    settings = AuditSettings(tmp_path_factory.mktemp("flips") / "audit", origin="test.example/log")
    log = SqliteAuditLog.open(settings)
    rules = [{"id": "no-hate", "category": "hate"}]
    for number in range(20):
        for stage in ("prompt", "outcome"):
            public = {"request": {"id": f"q{number}"}, "stage": stage, "action": "block", "rules": rules}
            sealed = {"prompt": "a red apple"}
            log.append(RecordDraft(type="decision", id=new_id(), public=public, sealed=sealed)).result(10)
    log.close()
    return settings


def said(database: Path) -> list[list[tuple[object, ...]]] | None:
    """All that the log says, or None when SQLite can't read it."""
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    connection.text_factory = bytes
    try:
        return [connection.execute(statement).fetchall() for statement in _SAID]
    except sqlite3.DatabaseError:
        return None
    finally:
        connection.close()


def test_every_flipped_bit_is_found_or_says_nothing(closed_log: AuditSettings, tmp_path: Path) -> None:
    """After a flip anywhere verification fails, or every record, head and sealed part is the same."""
    key = Verifier.parse(closed_log.verifier_key.read_text())
    sealer = Sealer.from_file(closed_log.sealing_key, may_create=False)
    original = closed_log.database.read_bytes()
    expected = said(closed_log.database)
    assert expected is not None
    copy = tmp_path / "audit.db"
    chosen = random.Random(8785)
    found = 0
    for _ in range(FLIPS):
        at, bit = chosen.randrange(len(original)), chosen.randrange(8)
        copy.write_bytes(original[:at] + bytes([original[at] ^ 1 << bit]) + original[at + 1 :])
        report = verify(copy, [key], closed_log.heads, sealer=sealer, open_for_s=0)
        found += not report.ok
        assert not report.ok or said(copy) == expected, f"bit {bit} of byte {at}"
    assert found > FLIPS // 4  # the rest fell on unused space
