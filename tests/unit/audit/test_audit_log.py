"""The durable log: order, density, refusals, opening and closing."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.audit import AuditSettings, SqliteAuditLog, inbox
from gateway.audit.canonical import RecordInvalid
from gateway.audit.checkpoint import Verifier
from gateway.audit.heads import read_heads
from gateway.audit.record import RecordMaker
from gateway.audit.schema import connect_writer
from gateway.audit.tree import leaf_hash, root_of
from gateway.core.errors import AuditUnavailable, ConfigurationError
from gateway.core.ports import Receipt, RecordDraft

Make = Callable[..., RecordDraft]


def stored(settings: AuditSettings) -> list[tuple[int, str, bytes, bytes]]:
    """What another connection sees on disk."""
    connection = sqlite3.connect(settings.database)
    try:
        return connection.execute("SELECT idx, id, leaf, body FROM records ORDER BY idx").fetchall()
    finally:
        connection.close()


def test_a_resolved_record_is_on_disk(log: SqliteAuditLog, settings: AuditSettings, make_draft: Make) -> None:
    """When the future resolves, another connection reads the exact bytes, and the receipt names them."""
    draft = make_draft()
    receipt = log.append(draft).result(10)
    assert stored(settings)[receipt.index][1:3] == (draft.id, receipt.leaf)
    body = stored(settings)[receipt.index][3]
    assert leaf_hash(body) == receipt.leaf
    assert json.loads(body)["request"] == draft.public["request"]


def test_64_threads_get_a_dense_log_and_each_its_own_receipt(
    log: SqliteAuditLog, settings: AuditSettings, make_draft: Make
) -> None:
    """Concurrent callers lose nothing: indices are dense, each receipt is of the caller's own record."""
    receipts: list[tuple[str, Receipt]] = []

    def work() -> None:
        for _ in range(10):
            draft = make_draft(sealed_text="x")
            receipts.append((draft.id, log.append(draft).result(30)))

    threads = [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = stored(settings)
    assert [row[0] for row in rows] == list(range(640))
    assert all(receipt.id == own and rows[receipt.index][1] == own for own, receipt in receipts)
    head = log.size_and_root()
    assert (head.size, head.root) == (640, root_of([row[2] for row in rows]))


def test_records_are_durable_in_the_order_of_the_calls(
    log: SqliteAuditLog, settings: AuditSettings, make_draft: Make
) -> None:
    """First in, first durable: indices follow the calls, and futures resolve in that order."""
    resolved: list[int] = []
    drafts = [make_draft() for _ in range(600)]
    futures: list[Future[Receipt]] = []
    for at, draft in enumerate(drafts):
        future = log.append(draft)
        future.add_done_callback(lambda _, at=at: resolved.append(at))
        futures.append(future)
    assert [future.result(10).index for future in futures] == list(range(600))
    assert [row[1] for row in stored(settings)] == [draft.id for draft in drafts]
    log.close()
    assert resolved == sorted(resolved)


def test_a_cancelled_waiter_does_not_unwrite_its_record(log: SqliteAuditLog, make_draft: Make) -> None:
    """A client that goes away can't cancel its record."""
    future = log.append(make_draft())
    assert not future.cancel()
    assert future.result(10).index == 0


class HeldConnection(sqlite3.Connection):
    """Waits before every commit until it may go on."""

    gate = threading.Event()

    def execute(self, sql: str, *args: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            self.gate.wait(20)
        return super().execute(sql, *args)


def connect_held(path: Path) -> sqlite3.Connection:
    connect_writer(path).close()
    HeldConnection.gate.set()
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=HeldConnection)


class CountingConnection(sqlite3.Connection):
    """Counts the commits."""

    commits = 0

    def execute(self, sql: str, *args: object) -> sqlite3.Cursor:
        CountingConnection.commits += sql == "COMMIT"
        return super().execute(sql, *args)


def connect_counting(path: Path) -> sqlite3.Connection:
    connect_writer(path).close()
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=CountingConnection)


@pytest.mark.parametrize("wait", ["result", "callback"])
def test_records_gather_until_somebody_waits(
    wait: str, settings: AuditSettings, make_draft: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that nobody waits for share a commit, which begins as soon as somebody waits for one."""
    monkeypatch.setattr(inbox, "LINGER_S", 60.0)
    log = SqliteAuditLog.open(settings, connect=connect_counting)
    before = CountingConnection.commits
    futures = [log.append(make_draft()) for _ in range(5)]
    durable = threading.Event()
    if wait == "callback":
        futures[-1].add_done_callback(lambda _: durable.set())
        assert durable.wait(30)
    assert futures[-1].result(30).index == 4
    assert all(future.done() for future in futures)
    assert CountingConnection.commits == before + 1
    log.close()


def test_what_nobody_waits_for_is_written_soon(
    log: SqliteAuditLog, settings: AuditSettings, make_draft: Make
) -> None:
    """A record is on disk in the end although nobody ever asks for it."""
    log.append(make_draft())
    while not stored(settings):
        time.sleep(0.01)


def test_a_full_queue_refuses_at_once(settings: AuditSettings, make_draft: Make) -> None:
    """Beyond the limit a record is refused immediately, and what was taken is still written."""
    log = SqliteAuditLog.open(replace(settings, queue_limit=8), connect=connect_held)
    HeldConnection.gate.clear()
    first = log.append(make_draft())
    while log._inbox._waiting:  # until the writer has it in hand
        time.sleep(0.001)
    taken = [log.append(make_draft()) for _ in range(8)]
    begin = time.monotonic()
    with pytest.raises(AuditUnavailable, match="full") as refused:
        log.append(make_draft())
    assert time.monotonic() - begin < 20
    assert refused.value.retry_after_s
    assert log.ready  # full is not broken
    HeldConnection.gate.set()
    assert [future.result(10).index for future in (first, *taken)] == list(range(9))
    assert log.append(make_draft()).result(10).index == 9
    log.close()


def test_what_is_not_yet_committed_does_not_resolve(settings: AuditSettings, make_draft: Make) -> None:
    """While the commit hangs nothing is acknowledged, and records behind it wait too."""
    log = SqliteAuditLog.open(settings, connect=connect_held)
    HeldConnection.gate.clear()
    futures = [log.append(make_draft()) for _ in range(3)]
    time.sleep(0.1)
    assert not any(future.done() for future in futures)
    assert stored(settings) == []
    HeldConnection.gate.set()
    assert [future.result(10).index for future in futures] == [0, 1, 2]
    log.close()


def test_a_refused_draft_harms_no_other(log: SqliteAuditLog, make_draft: Make) -> None:
    """A record without canonical form is refused to its caller alone."""
    before = log.append(make_draft())
    with pytest.raises(RecordInvalid, match="score"):
        log.append(make_draft(rules=[{"score": 0.5}]))
    assert before.result(10).index == 0
    assert log.append(make_draft()).result(10).index == 1


def test_a_second_record_with_the_same_id_is_refused_alone(log: SqliteAuditLog, make_draft: Make) -> None:
    """A double id fails its own future; the log stays ready and dense."""
    draft = make_draft()
    assert log.append(draft).result(10).index == 0
    futures = [log.append(item) for item in (make_draft(), draft, make_draft())]
    assert futures[0].result(10).index == 1
    with pytest.raises(AuditUnavailable, match="id is in the log"):
        futures[1].result(10)
    assert futures[2].result(10).index == 2
    assert log.ready


def test_close_writes_what_waits_signs_it_and_refuses_more(settings: AuditSettings, make_draft: Make) -> None:
    """After close all that was queued is durable and covered by a head inside and outside."""
    log = SqliteAuditLog.open(settings)
    futures = [log.append(make_draft()) for _ in range(300)]
    log.close()
    log.close()
    assert [future.result(0).index for future in futures] == list(range(300))
    with pytest.raises(AuditUnavailable, match="closed"):
        log.append(make_draft())
    assert not log.ready
    verifier = Verifier.parse(settings.verifier_key.read_text())
    head = verifier.open(log.checkpoint)
    assert head == log.size_and_root()
    assert read_heads(settings.heads, (verifier,)).heads[-1] == head
    assert not settings.database.with_name("audit.db-wal").exists()


def test_heads_are_signed_every_256_records_and_after_the_interval(
    settings: AuditSettings, make_draft: Make
) -> None:
    """A burst is covered by a head per 256 records; a lone record by one after the interval."""
    log = SqliteAuditLog.open(replace(settings, checkpoint_interval_s=0.2))
    futures = [log.append(make_draft()) for _ in range(1024)]
    futures[-1].result(10)
    log.append(make_draft()).result(10)
    verifier = Verifier.parse(settings.verifier_key.read_text())
    deadline = time.monotonic() + 10
    while verifier.open(log.checkpoint).size < 1025 and time.monotonic() < deadline:
        time.sleep(0.01)
    sizes = [head.size for head in read_heads(settings.heads, (verifier,)).heads]
    log.close()
    assert sizes[0] == 0
    assert sizes[-1] == 1025
    assert all(later - earlier < 512 for earlier, later in pairwise(sizes))


def test_silence_is_recorded(settings: AuditSettings) -> None:
    """An idle log writes heartbeats, so that its heads move."""
    log = SqliteAuditLog.open(replace(settings, heartbeat_interval_s=0.05))
    deadline = time.monotonic() + 10
    while log.size_and_root().size < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    log.close()
    assert {json.loads(row[3])["type"] for row in stored(settings)} == {"heartbeat"}


def test_a_clock_jump_is_recorded_before_the_next_record(
    log: SqliteAuditLog, settings: AuditSettings, make_draft: Make
) -> None:
    """When the wall clock jumps, a gap record says so, ahead of the record that showed it."""
    log.append(make_draft()).result(10)
    maker: RecordMaker = log._maker
    maker._shift_us -= 60_000_000
    assert log.append(make_draft()).result(10).index == 2
    gap = json.loads(stored(settings)[1][3])
    assert (gap["type"], gap["reason"]) == ("gap", "clock jump")
    assert abs(gap["jump_us"] - 60_000_000) < 1_000_000


def test_a_closed_log_opens_again_and_goes_on(settings: AuditSettings, make_draft: Make) -> None:
    """Indices and root go on after a restart in order; no gap is recorded; the node stays."""
    for start in (0, 3):
        log = SqliteAuditLog.open(settings)
        assert log.append(make_draft()).result(10).index == start
        assert log.append(make_draft()).result(10).index == start + 1
        assert log.append(make_draft()).result(10).index == start + 2
        log.close()
    rows = stored(settings)
    bodies = [json.loads(row[3]) for row in rows]
    assert {body["type"] for body in bodies} == {"decision"}
    assert len({body["node"] for body in bodies}) == 1
    assert log.size_and_root().root == root_of([row[2] for row in rows])


def test_a_second_writer_is_refused(log: SqliteAuditLog, settings: AuditSettings, make_draft: Make) -> None:
    """While one process writes, another is told so; the first is not disturbed."""
    with pytest.raises(ConfigurationError, match="another process"):
        SqliteAuditLog.open(settings)
    assert log.append(make_draft()).result(10).index == 0


def test_the_lock_is_free_after_close(settings: AuditSettings) -> None:
    """A closed log can be opened at once."""
    SqliteAuditLog.open(settings).close()
    SqliteAuditLog.open(settings).close()


@pytest.mark.parametrize("name", ["signing_key", "sealing_key"])
def test_a_log_without_its_keys_is_refused(settings: AuditSettings, name: str) -> None:
    """A lost key is an error that names the file's mend; no new key slips in."""
    SqliteAuditLog.open(settings).close()
    getattr(settings, name).unlink()
    with pytest.raises(ConfigurationError, match="restore"):
        SqliteAuditLog.open(settings)


def test_a_missing_heads_file_is_recorded(settings: AuditSettings) -> None:
    """When the file of heads is gone, the log starts, says so in a record, and signs at once."""
    SqliteAuditLog.open(settings).close()
    settings.heads.unlink()
    SqliteAuditLog.open(settings).close()
    assert json.loads(stored(settings)[0][3])["reason"] == "heads file missing"
    verifier = Verifier.parse(settings.verifier_key.read_text())
    assert read_heads(settings.heads, (verifier,)).heads[-1].size == 1


def test_log_files_are_private(log: SqliteAuditLog, settings: AuditSettings) -> None:
    """The database can be read by its owner alone."""
    assert log.ready
    assert settings.database.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "changes",
    [{"origin": ""}, {"origin": "a b"}, {"origin": "a+b"}, {"queue_limit": 0}, {"heartbeat_interval_s": 0}],
)
def test_impossible_settings_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    """Settings that can't work say which field is wrong."""
    with pytest.raises(ConfigurationError, match="audit"):
        AuditSettings(tmp_path, **changes)


def test_every_record_taken_during_close_is_answered(settings: AuditSettings, make_draft: Make) -> None:
    """Callers that race with close are refused, or get a durable receipt; none is left waiting."""
    for _ in range(5):
        log = SqliteAuditLog.open(settings)
        futures: list[Future[Receipt]] = []

        def work(log: SqliteAuditLog = log, futures: list[Future[Receipt]] = futures) -> None:
            try:
                while True:
                    futures.append(log.append(make_draft()))
            except AuditUnavailable:
                return

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.02)
        log.close()
        for thread in threads:
            thread.join()
        indices = {future.result(0).index for future in futures}
        assert len(indices) == len(futures) > 0
        assert log.size_and_root().size == len(stored(settings))
