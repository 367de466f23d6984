"""What the log does when storage fails under it: nothing acknowledged is lost, nothing hangs."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from support.audit import draft, gap_reasons, stored_ids, verified

from gateway.audit import AuditSettings, SqliteAuditLog
from gateway.audit.schema import connect_writer
from gateway.core.errors import AuditCorrupt, AuditUnavailable
from gateway.core.ports import Receipt

# --- storage fails ------------------------------------------------------------------------------------


class FailingConnection(sqlite3.Connection):
    """Fails the commits that a test asks it to, as the disk would."""

    code = 0
    left = 0

    def execute(self, sql: str, *args: object) -> sqlite3.Cursor:
        if sql == "COMMIT" and FailingConnection.left > 0:
            FailingConnection.left -= 1
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = FailingConnection.code
            raise error
        return super().execute(sql, *args)


def connect_failing(path: Path) -> sqlite3.Connection:
    connect_writer(path).close()
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=FailingConnection)


@pytest.fixture
def fail_commits() -> Iterator[Callable[..., None]]:
    def arm(code: int, times: int = 1) -> None:
        FailingConnection.code, FailingConnection.left = code, times

    yield arm
    FailingConnection.left = 0


def until_refused(log: SqliteAuditLog) -> list[Future[Receipt]]:
    """Append without waiting until the log takes no more; the queue is far longer than that."""
    futures = []
    for _ in range(100_000):
        try:
            futures.append(log.append(draft()))
        except AuditUnavailable:
            if log.ready:
                time.sleep(0.001)  # only full
                continue
            return futures
    pytest.fail("the log never refused")


@pytest.mark.parametrize(
    "code",
    [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY],
)
def test_after_one_failed_commit_the_log_takes_nothing_more(
    settings: AuditSettings, fail_commits: Callable[[int], None], code: int
) -> None:
    """The failed group and all behind it fail, later appends too, though the next commit would succeed."""
    told: list[str] = []
    log = SqliteAuditLog.open(settings, on_broken=told.append, connect=connect_failing)
    good = draft()
    log.append(good).result(10)
    fail_commits(code)
    futures = until_refused(log)
    assert futures
    for future in futures:
        with pytest.raises(AuditUnavailable):
            future.result(10)
    assert not log.ready
    assert FailingConnection.left == 0  # only one commit failed: the log itself stopped
    log.close()
    assert len(told) == 1
    assert stored_ids(settings) == [good.id]
    again = SqliteAuditLog.open(settings)
    again.append(draft()).result(10)
    again.close()
    assert gap_reasons(settings) == ["unclean shutdown"]
    assert verified(settings)


def test_a_full_database_refuses_and_recovers_alone(
    settings: AuditSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When SQLite says full, waiters fail and the log refuses; with space again it goes on and says so."""
    monkeypatch.setattr("gateway.audit.log._DISK_RETRY_S", 0.2)
    pages = {"most": 60}

    def connect_small(path: Path) -> sqlite3.Connection:
        connection = connect_writer(path)
        connection.execute(f"PRAGMA max_page_count={pages['most']}")
        return connection

    told: list[str] = []
    log = SqliteAuditLog.open(settings, on_broken=told.append, connect=connect_small)
    first = log.append(draft())
    first.result(30)  # alone: on a slow machine all that follows may be one group, which fails as one
    futures = [first, *until_refused(log)]
    failures = [str(future.exception(30)) for future in futures if future.exception(30) is not None]
    assert set(failures) == {"the disk of the audit log is full"}
    acknowledged = [future.result(0).id for future in futures if future.exception(0) is None]
    assert 0 < len(acknowledged) < len(futures)
    pages["most"] = 100_000
    deadline = time.monotonic() + 30
    while not log.ready and time.monotonic() < deadline:
        time.sleep(0.01)
    acknowledged.append(log.append(draft()).result(10).id)
    log.close()
    assert not told
    assert set(acknowledged) <= set(stored_ids(settings))
    assert set(gap_reasons(settings)) == {"disk full"}
    assert verified(settings)


def test_the_log_refuses_until_there_is_space(
    settings: AuditSettings, fail_commits: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While tries to go on fail, nothing is taken; the first that succeeds opens the log again."""
    monkeypatch.setattr("gateway.audit.log._DISK_RETRY_S", 0.02)
    log = SqliteAuditLog.open(settings, connect=connect_failing)
    fail_commits(sqlite3.SQLITE_FULL, times=10_000)
    with pytest.raises(AuditUnavailable, match="disk"):
        log.append(draft()).result(10)
    while FailingConnection.left > 9_990:  # several tries went by
        assert not log.ready
        with pytest.raises(AuditUnavailable, match="disk"):
            log.append(draft())
        time.sleep(0.01)
    FailingConnection.left = 0
    deadline = time.monotonic() + 10
    while not log.ready and time.monotonic() < deadline:
        time.sleep(0.01)
    assert log.append(draft()).result(10).index == 1
    log.close()
    assert gap_reasons(settings) == ["disk full"]
    assert verified(settings)


def test_closing_while_the_disk_is_full_ends_at_once(
    settings: AuditSettings, fail_commits: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Close does not wait for space; the next start records an unclean shutdown."""
    monkeypatch.setattr("gateway.audit.log._DISK_RETRY_S", 3600.0)
    log = SqliteAuditLog.open(settings, connect=connect_failing)
    fail_commits(sqlite3.SQLITE_FULL)
    with pytest.raises(AuditUnavailable, match="disk"):
        log.append(draft()).result(10)
    begin = time.monotonic()
    log.close()
    assert time.monotonic() - begin < 30
    SqliteAuditLog.open(settings).close()
    assert gap_reasons(settings) == ["unclean shutdown"]


@pytest.mark.parametrize(("code", "recovers"), [(errno.EIO, False), (errno.ENOSPC, True)])
def test_a_heads_file_that_fails_stops_the_log(
    settings: AuditSettings, monkeypatch: pytest.MonkeyPatch, code: int, recovers: bool
) -> None:
    """A head that can't be written outside is as bad as a record: broken, or waiting for space."""
    monkeypatch.setattr("gateway.audit.log._DISK_RETRY_S", 0.05)
    log = SqliteAuditLog.open(settings)
    real = os.fsync

    def failing(handle: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", failing)
    futures = until_refused(log)
    deadline = time.monotonic() + 10
    while recovers and not log.ready and time.monotonic() < deadline:
        time.sleep(0.001)
    assert log.ready == recovers
    kept = {future.result(10).id for future in futures if future.exception(10) is None}
    log.close()
    assert kept <= set(stored_ids(settings))
    SqliteAuditLog.open(settings).close()
    assert verified(settings)


def test_an_error_nobody_foresaw_leaves_no_waiter_hanging(
    settings: AuditSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a bug in the writer's thread fails every waiter and turns the log not ready."""
    told = threading.Event()
    log = SqliteAuditLog.open(settings, on_broken=lambda _: told.set())
    monkeypatch.setattr(log._store, "write", lambda entries: 1 / 0)
    future = log.append(draft())
    with pytest.raises(AuditUnavailable):
        future.result(10)
    assert told.wait(10)
    assert not log.ready
    log.close()


def test_altering_a_record_under_the_running_log_breaks_it(settings: AuditSettings) -> None:
    """Before signing, stored records are re-read: an edit in between is found and nothing false is signed."""
    told = threading.Event()
    log = SqliteAuditLog.open(settings, on_broken=lambda _: told.set())
    log.append(draft()).result(10)
    connection = sqlite3.connect(settings.database)
    connection.execute("UPDATE records SET body = ? WHERE idx = 0", (b"{}",))
    connection.commit()
    connection.close()
    log.close()  # signs what is new
    assert told.is_set()
    with pytest.raises(AuditCorrupt, match="altered"):
        SqliteAuditLog.open(settings)
