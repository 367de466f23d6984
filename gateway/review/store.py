"""The review database: one thread writes, others read; what was written is durable before it is told.

Duty: transactions and threads. It knows no table.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from gateway.core.errors import ConfigurationError, StorageUnavailable
from gateway.review.schema import connect_reader, connect_writer, migrate

T = TypeVar("T")
Connect: TypeAlias = Callable[[Path], sqlite3.Connection]

NAME: Final = "review.sqlite"
_READERS: Final = 2
_RETRY_S: Final = 5.0
_LASTING: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""After these a connection can't be trusted to say that a commit is on disk."""


class ReviewStore:
    """An open review database. Made by `open`; one process at a time, which the log's lock sees to."""

    def __init__(self, path: Path, writer: sqlite3.Connection) -> None:
        self.path = path
        self._writer = writer
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="review-writer")
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="review-reader")
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._broken: str | None = None
        self._closed = False

    @classmethod
    def open(cls, path: Path, *, connect: Connect = connect_writer) -> ReviewStore:
        """Open or make the database, in the newest form.

        Raises:
            ConfigurationError: it can't be opened, or a newer version of this program wrote it.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            writer = connect(path)
        except (OSError, sqlite3.Error) as cause:
            raise ConfigurationError(f"the review database {path} can't be opened: {cause}") from cause
        try:
            migrate(writer)
        except sqlite3.Error as cause:
            writer.close()
            raise ConfigurationError(f"the review database {path} can't be used: {cause}") from cause
        except BaseException:
            writer.close()
            raise
        return cls(path, writer)

    @property
    def readiness(self) -> str:
        """ "ok", or why nothing can be written any more."""
        return self._broken or "ok"

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run `change` in one transaction and return what it returns, once that is on disk.

        What it raises undoes all of it. A cancelled caller does not stop a change that has begun.

        Raises:
            StorageUnavailable: the disk is full or fails; nothing of the change counts.
        """
        return await asyncio.wrap_future(self._writing.submit(self._changed, change))

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run `query` on a connection that can't write, beside any writer.

        Raises:
            StorageUnavailable: the database can't be read.
        """
        return await asyncio.wrap_future(self._reading.submit(self._asked, query))

    def close(self) -> None:
        """Finish what is queued, fold the write-ahead log into the file, close; idempotent."""
        if self._closed:
            return
        self._closed = True
        self._writing.shutdown()
        self._reading.shutdown()
        for reader in self._readers:
            reader.close()
        try:
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:  # the next start folds it
            pass
        finally:
            self._writer.close()

    def _changed(self, change: Callable[[sqlite3.Connection], T]) -> T:
        if self._broken is not None:
            raise StorageUnavailable(self._broken, retry_after_s=_RETRY_S)
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                changed = change(self._writer)
            except BaseException:
                self._undo()
                raise
            self._commit()
        except sqlite3.IntegrityError:
            raise  # a mistake of ours, and no fault of the disk
        except sqlite3.Error as cause:
            raise self._unavailable(cause) from cause
        return changed

    def _commit(self) -> None:
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error:
            self._undo()
            raise

    def _undo(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _unavailable(self, cause: sqlite3.Error) -> StorageUnavailable:
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code in _LASTING:
            self._broken = "the review database failed and is not written any more; restart the server"
        return StorageUnavailable(
            "The review database can't be written; nothing was released. Try again later.",
            retry_after_s=_RETRY_S,
        )

    def _asked(self, query: Callable[[sqlite3.Connection], T]) -> T:
        try:
            reader = getattr(self._local, "reader", None)
            if reader is None:
                reader = self._local.reader = connect_reader(self.path)
                self._readers.append(reader)
            return query(reader)
        except sqlite3.Error as cause:
            raise StorageUnavailable("The review database can't be read.", retry_after_s=_RETRY_S) from cause
