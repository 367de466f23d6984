"""The durable log: callers queue records, one thread commits them in groups and tells each when it is safe.

Duty: order, waiters, and what happens when the disk fails. Who waits is held up by no timer: while one group
is being synced the next one gathers. Storage is `store`, heads are `notary`, record bytes are `record`.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

from gateway.audit import schema
from gateway.audit.checkpoint import Head
from gateway.audit.heads import LastHead
from gateway.audit.inbox import Inbox, Promise, Waiting
from gateway.audit.notary import Notary
from gateway.audit.opening import Opened, free_bytes, open_log, reopen_store
from gateway.audit.record import Entry, RecordMaker, new_id
from gateway.audit.settings import BATCH_LIMIT, AuditSettings
from gateway.audit.store import Connect, DoubleIds
from gateway.core.ports import Json, Receipt, RecordDraft

_log = logging.getLogger(__name__)
_DISK_RETRY_S: Final = 1.0
_ROOM_BYTES: Final = 16 * 2**20
"""Free space below which a full log does not try to go on: it would only fill up again at once."""
_FULL: Final = "the disk of the audit log is full"
_BROKEN: Final = "the audit log can't be trusted to keep a record"


class SqliteAuditLog:
    """`gateway.core.ports.AuditLog` on SQLite. Made by `open`; one process at a time."""

    def __init__(self, opened: Opened, on_broken: Callable[[str], None] | None, connect: Connect) -> None:
        self._settings = opened.settings
        self._opened = opened
        self._store = opened.store
        self._connect = connect
        self._on_broken = on_broken
        self._maker = RecordMaker(opened.store.node, opened.sealer)
        self._notary = Notary(
            opened.signer,
            opened.heads,
            LastHead(opened.settings.last_head),
            opened.settings.checkpoint_interval_s,
        )
        self._inbox = Inbox(opened.settings.queue_limit)
        self._taken: Sequence[Waiting] = ()
        self._last_record_s = time.monotonic()
        self._root: tuple[int, bytes] = (-1, b"")
        for reason in opened.gaps:
            self._write_own("gap", {"reason": reason})
        if self._notary.news(self._store):
            self._notary.sign(self._store)
            self._store.flush()
        self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)

    @classmethod
    def open(
        cls,
        settings: AuditSettings,
        *,
        on_broken: Callable[[str], None] | None = None,
        connect: Connect = schema.connect_writer,
    ) -> SqliteAuditLog:
        """Open or create the log, check its end, and start its writer.

        `on_broken` is called once, from the writer's thread, with a reason without user content, when the log
        can't be used until the process is started again; it must not block. `connect` opens the writing
        connection.

        Raises:
            ConfigurationError: another process writes it, a key is missing or readable by others, or a path
                can't be used.
            AuditCorrupt: the records since the last signed head don't fit it, or are fewer than it says.
        """
        opened = open_log(settings, connect)
        try:
            log = cls(opened, on_broken, connect)
        except BaseException:
            opened.release()
            raise
        log._thread.start()
        return log

    @property
    def ready(self) -> bool:
        """Whether a record would be taken now, a full queue aside."""
        return self._inbox.refusal is None

    @property
    def refusal(self) -> str | None:
        """Why the log is not ready, or None."""
        return self._inbox.refusal

    @property
    def checkpoint(self) -> str:
        """The newest signed head (a C2SP note)."""
        signed = self._store.signed
        return signed.note if signed else ""

    def size_and_root(self) -> Head:
        """Return the newest durable head, signed or not."""
        frontier = self._store.frontier
        size, root = self._root
        if size != frontier.size:
            root = frontier.root()
            self._root = (frontier.size, root)
        return Head(frontier.size, root)

    def append(self, draft: RecordDraft) -> Future[Receipt]:
        """Queue a record (see `gateway.core.ports.AuditLog`). Its future can't be cancelled: it is written.

        Raises:
            AuditUnavailable: the queue is full, or the log is closed or broken.
            RecordInvalid: the draft has no canonical form (also an `AuditUnavailable`: withhold).
        """
        self._inbox.check()
        jump_us = self._maker.clock_jump_us()
        if jump_us:
            gap = self._own("gap", {"reason": "clock jump", "jump_us": jump_us})
            self._inbox.put(Waiting(gap, None))
        entry = self._maker.make(draft)
        future = Promise(self._inbox.hurry)
        self._inbox.put(Waiting(entry, future))
        return future

    def close(self) -> None:
        """Write what is queued, sign, mark the log as closed in order, release it; idempotent."""
        self._inbox.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # --- the writer's thread -------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._serve()
            self._finish()
        except BaseException as cause:  # noqa: BLE001 - the thread's boundary: no waiter may hang, whatever it was
            self._break(cause)
        finally:
            self._opened.release()

    def _serve(self) -> None:
        while True:
            try:
                if not self._step():
                    return
            except (sqlite3.Error, OSError) as cause:
                if not _is_disk_full(cause):
                    raise
                if not self._wait_for_space(cause):
                    raise

    def _step(self) -> bool:
        """Commit one group and do what is due; False when closed and empty."""
        taken = self._inbox.drain(BATCH_LIMIT, self._pause_s())
        if taken is None:
            return False
        if taken:
            self._taken = taken
            self._commit(taken)
            self._taken = ()
        else:
            self._store.flush()
            if time.monotonic() - self._last_record_s >= self._settings.heartbeat_interval_s:
                self._write_own("heartbeat", {})
        if self._notary.due_in_s(self._store) <= 0:
            self._notary.sign(self._store)
        return True

    def _pause_s(self) -> float:
        until_heartbeat = self._last_record_s + self._settings.heartbeat_interval_s - time.monotonic()
        if self._store.unwritten:
            return 0.0 if until_heartbeat <= 0 else min(1.0, until_heartbeat)
        return max(0.0, min(until_heartbeat, self._notary.due_in_s(self._store)))

    def _commit(self, group: Sequence[Waiting]) -> None:
        try:
            receipts = self._store.write([waiting.entry for waiting in group])
        except DoubleIds as doubles:
            for waiting in group:
                if waiting.entry.id in doubles.ids:
                    waiting.fail("a record with this id is in the log already")
            self._taken = rest = [waiting for waiting in group if waiting.entry.id not in doubles.ids]
            if rest:
                self._commit(rest)
            return
        self._last_record_s = time.monotonic()
        for waiting, receipt in zip(group, receipts, strict=True):
            waiting.resolve(receipt)

    def _finish(self) -> None:
        if self._notary.news(self._store):
            self._notary.sign(self._store)
        self._store.flush()
        self._store.mark_clean(clean=True)
        self._store.close()

    def _own(self, kind: str, public: dict[str, Json]) -> Entry:
        return self._maker.make(RecordDraft(type=kind, id=new_id(), public=public))

    def _write_own(self, kind: str, public: dict[str, Json]) -> None:
        self._store.write([self._own(kind, public)])
        self._last_record_s = time.monotonic()

    def _fail_all(self, reason: str, cause: BaseException) -> None:
        """Refuse from now on, then fail the group in hand and all that waited, in order."""
        waiting = [*self._taken, *self._inbox.shut(reason)]
        self._taken = ()
        for one in waiting:
            one.fail(reason, cause)

    def _break(self, cause: BaseException) -> None:
        _log.critical("audit log broken: %s", type(cause).__name__)
        self._fail_all(_BROKEN, cause)
        self._store.abandon()
        if self._on_broken is not None:
            self._on_broken(f"{_BROKEN}: {type(cause).__name__}")

    def _wait_for_space(self, cause: BaseException) -> bool:
        """Refuse everything until a record fits again; False when closed before that."""
        _log.error("audit log: disk full; refusing records until there is space")
        self._fail_all(_FULL, cause)
        self._store.abandon()
        while not self._inbox.wait_closed(_DISK_RETRY_S):
            if free_bytes(self._settings.folder) < _ROOM_BYTES:
                continue
            try:
                self._store = reopen_store(self._opened, self._connect)
                self._write_own("gap", {"reason": "disk full"})
                self._notary.sign(self._store)
            except (sqlite3.Error, OSError) as again:
                self._store.abandon()
                if not _is_disk_full(again):
                    raise
                continue
            self._inbox.reopen()
            return True
        return False


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
