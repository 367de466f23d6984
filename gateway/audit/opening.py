"""Opening a log: the lock, the keys, its end checked against the signed heads. It starts no thread."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.checkpoint import Head, Signer
from gateway.audit.heads import HeadsFile, open_with_any, read_heads, read_note
from gateway.audit.sealing import Sealer
from gateway.audit.settings import AuditSettings
from gateway.audit.store import Connect, Store
from gateway.core.errors import AuditCorrupt, ConfigurationError


class WriterLock:
    """Held by the one process that writes; the kernel frees it when that process dies."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as cause:
            raise ConfigurationError(f"audit folder {path.parent} can't be used: {cause.strerror}") from cause
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as cause:
            os.close(self._handle)
            raise ConfigurationError(
                f"another process, most likely a running server, writes the audit log in {path.parent}: "
                "ask that server, stop it, or use another data folder (--data)"
            ) from cause

    def release(self) -> None:
        """Free the lock; idempotent."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


@dataclass(slots=True)
class Opened:
    """A checked log with all it needs, and the reasons of the gaps that must be recorded."""

    settings: AuditSettings
    lock: WriterLock
    store: Store
    heads: HeadsFile
    signer: Signer
    sealer: Sealer
    gaps: tuple[str, ...]

    def release(self) -> None:
        """Close what is open without marking the log as closed in order; idempotent."""
        self.store.abandon()
        self.heads.close()
        self.lock.release()


def open_log(settings: AuditSettings, connect: Connect) -> Opened:
    """Open or create the log.

    1. Lock, so that no other process writes.
    2. Keys: made only when there is no log yet; a log without its keys is refused.
    3. The end of the log, checked against the heads inside and outside the database.
    4. Mark it as not closed in order, so that the next start sees a crash.

    Raises:
        ConfigurationError, AuditCorrupt: as `SqliteAuditLog.open`.
    """
    lock = WriterLock(settings.lock)  # 1
    store: Store | None = None
    try:
        fresh = not settings.database.exists()
        signer = Signer.from_file(
            settings.signing_key, settings.verifier_key, settings.origin, may_create=fresh
        )  # 2
        sealer = Sealer.from_file(settings.sealing_key, may_create=fresh)
        had_heads, had_last = settings.heads.exists(), settings.last_head.exists()
        store = _open_store(settings, signer, connect)  # 3
        gaps = []
        if not store.closed_cleanly:
            gaps.append("unclean shutdown")
        if store.signed is not None and not had_heads:
            gaps.append("heads file missing")
        if store.signed is not None and not had_last:
            gaps.append("last head missing")
        heads = HeadsFile(settings.heads)
        store.mark_clean(clean=False)  # 4
    except BaseException:
        if store is not None:
            store.abandon()
        lock.release()
        raise
    return Opened(settings, lock, store, heads, signer, sealer, tuple(gaps))


def reopen_store(opened: Opened, connect: Connect) -> Store:
    """Open a new connection after the old one failed, checking the end of the log again.

    Raises:
        AuditCorrupt, sqlite3.Error, OSError: it is no better.
    """
    store = _recovered(opened.settings, opened.signer, connect)
    opened.heads.reopen()
    opened.store = store
    return store


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk that holds `folder`, in bytes."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _open_store(settings: AuditSettings, signer: Signer, connect: Connect) -> Store:
    try:
        return _recovered(settings, signer, connect)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as cause:
        code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise AuditCorrupt("the audit database is damaged") from cause
        raise ConfigurationError(
            f"the audit database in {settings.folder} can't be opened: {cause}"
        ) from cause


def _recovered(settings: AuditSettings, signer: Signer, connect: Connect) -> Store:
    known = (*read_heads(settings.heads, (signer.verifier,)).heads, *_last_head(settings, signer))
    store = Store(settings.database, settings.node, connect)
    try:
        store.recover(signer.verifier, known)
    except BaseException:
        store.abandon()
        raise
    return store


def _last_head(settings: AuditSettings, signer: Signer) -> tuple[Head, ...]:
    """Raises AuditCorrupt when something else than a head of ours stands there."""
    note = read_note(settings.last_head)
    if note is None:
        return ()
    head = open_with_any(note, (signer.verifier,))
    if head is None:
        raise AuditCorrupt(
            f"the last signed head, in {settings.last_head}, does not hold under this key: it was altered"
        )
    return (head,)
