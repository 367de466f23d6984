"""What the log does after a crash, and with a log that was tampered with: nothing is lost, nothing healed."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.audit import draft, gap_reasons, verified

from gateway.audit import AuditSettings, SqliteAuditLog
from gateway.audit.schema import connect_writer
from gateway.core.errors import AuditCorrupt, ConfigurationError

# --- the process dies ---------------------------------------------------------------------------------

CHILD = """
import os, sys, threading
from pathlib import Path
from gateway.audit import AuditSettings, SqliteAuditLog, new_id
from gateway.core.ports import Receipt, RecordDraft

log = SqliteAuditLog.open(AuditSettings(Path(sys.argv[1]), origin="test.example/log"))

def work():
    while True:
        public = {"request": {"id": new_id()}, "stage": "outcome", "action": "allow"}
        draft = RecordDraft(type="decision", id=new_id(), public=public, sealed={"prompt": "x"})
        receipt = log.append(draft).result()
        os.write(1, f"{receipt.index} {receipt.id} {receipt.leaf.hex()}\\n".encode())

for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
threading.Event().wait()
"""


def test_kill_9_loses_no_acknowledged_record(settings: AuditSettings) -> None:
    """20 rounds of kill -9 under load: every acknowledged record is in its place; each crash is on record."""
    acknowledged: dict[int, tuple[str, str]] = {}
    for round_number in range(20):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(settings.folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert child.stdout is not None
        for _ in range(5 + 7 * round_number):  # a different moment each round
            index, record_id, leaf = child.stdout.readline().split()
            acknowledged[int(index)] = (record_id.decode(), leaf.decode())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().splitlines()
        child.wait()
        child.stdout.close()
        for line in rest:
            index, record_id, leaf = line.split()
            acknowledged[int(index)] = (record_id.decode(), leaf.decode())
    begin = time.monotonic()
    log = SqliteAuditLog.open(settings)
    assert time.monotonic() - begin < 30
    log.close()
    connection = sqlite3.connect(settings.database)
    stored = {
        row[0]: (row[1], row[2].hex()) for row in connection.execute("SELECT idx, id, leaf FROM records")
    }
    connection.close()
    assert len(acknowledged) > 1000
    assert {index: stored.get(index) for index in acknowledged} == acknowledged
    assert gap_reasons(settings) == ["unclean shutdown"] * 20
    assert verified(settings)


# --- opening what was tampered with -------------------------------------------------------------------


def crash(settings: AuditSettings, records: int) -> None:
    """A log whose last records no head covers, left as a crash leaves it."""
    log = SqliteAuditLog.open(settings)
    log.close()
    log = SqliteAuditLog.open(settings)
    for _ in range(records):
        log.append(draft()).result(10)
    log._notary.sign = lambda store: 1 / 0  # the writer dies at close instead of signing
    log.close()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE records SET body = x'7b7d' WHERE idx = 1", "altered"),
        ("DELETE FROM records WHERE idx = 1", "missing"),
        ("UPDATE checkpoints SET root = zeroblob(32)", "does not fit"),
        ("UPDATE checkpoints SET peaks = zeroblob(32)", "broken"),
        ("UPDATE checkpoints SET note = substr(note, 1, length(note) - 9) || 'AAAAAAA='", "broken"),
    ],
)
def test_a_tampered_end_does_not_open(settings: AuditSettings, statement: str, message: str) -> None:
    """Records since the last head are re-hashed at the start; what does not fit is never healed."""
    crash(settings, 3)
    connection = sqlite3.connect(settings.database)
    connection.execute(statement)
    connection.commit()
    connection.close()
    for _ in range(2):
        with pytest.raises(AuditCorrupt, match=message):
            SqliteAuditLog.open(settings)


def test_a_log_cut_below_its_last_head_does_not_open(settings: AuditSettings) -> None:
    """Records and heads cut from the database are missed by the heads outside."""
    log = SqliteAuditLog.open(settings)
    for _ in range(3):
        log.append(draft()).result(10)
    log.close()
    connection = sqlite3.connect(settings.database)
    connection.execute("DELETE FROM records WHERE idx >= 1")
    connection.execute("DELETE FROM checkpoints WHERE size > 0")
    connection.commit()
    connection.close()
    with pytest.raises(AuditCorrupt, match="shorter"):
        SqliteAuditLog.open(settings)


def test_records_cut_below_a_head_that_stays_do_not_open(settings: AuditSettings) -> None:
    """The head inside the database is not enough: the records that it covers must be there."""
    log = SqliteAuditLog.open(settings)
    for _ in range(3):
        log.append(draft()).result(10)
    log.close()
    connection = sqlite3.connect(settings.database)
    connection.execute("DELETE FROM records WHERE idx = (SELECT max(idx) FROM records)")
    connection.commit()
    connection.close()
    with pytest.raises(AuditCorrupt, match="shorter than its signed head"):
        SqliteAuditLog.open(settings)


def test_a_deleted_database_is_not_begun_anew(settings: AuditSettings) -> None:
    """When the file is gone but heads were signed, there is no fresh start over it."""
    log = SqliteAuditLog.open(settings)
    log.append(draft()).result(10)
    log.close()
    settings.database.unlink()
    with pytest.raises(AuditCorrupt, match="shorter"):
        SqliteAuditLog.open(settings)


def test_a_damaged_database_does_not_open(settings: AuditSettings) -> None:
    """A file that SQLite refuses is corrupt, not new."""
    SqliteAuditLog.open(settings).close()
    settings.database.write_bytes(b"not a database" * 1000)
    with pytest.raises(AuditCorrupt):
        SqliteAuditLog.open(settings)


def test_a_torn_head_is_passed_over(settings: AuditSettings) -> None:
    """A half-written last line of the heads file, as a power cut leaves it, stops nothing."""
    crash(settings, 1)
    with settings.heads.open("ab") as heads:
        heads.write(b'"test.example/log\\n1')
    log = SqliteAuditLog.open(settings)
    log.append(draft()).result(10)
    log.close()
    assert verified(settings)


def test_every_commit_is_synced(settings: AuditSettings) -> None:
    """The writing connection runs WAL with synchronous FULL; NORMAL loses records in a power cut."""
    SqliteAuditLog.open(settings).close()
    connection = connect_writer(settings.database)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_an_unusable_folder_is_said_so(tmp_path: Path) -> None:
    """A path that can't be a folder is a configuration error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="can't be used"):
        SqliteAuditLog.open(AuditSettings(tmp_path / "file" / "audit"))
