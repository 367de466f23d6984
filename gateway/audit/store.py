"""The writing side of the SQLite log: one connection, one transaction per batch, the tree's right edge.

Duty: what is committed is in the tree and on disk, in one order. It knows no threads and no waiters.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

from gateway.audit import schema
from gateway.audit.checkpoint import Head, NoteInvalid, Verifier
from gateway.audit.record import Entry
from gateway.audit.tree import Frontier, leaf_hash
from gateway.core.errors import AuditCorrupt
from gateway.core.ports import Receipt

Connect: TypeAlias = Callable[[Path], sqlite3.Connection]
_CHUNK: Final = 32
"""Rows a statement, at most: each number of rows is a prepared statement, and the connection keeps 256."""


class DoubleIds(Exception):
    """Records whose ids are in the log already; nothing of the batch was written."""

    def __init__(self, ids: frozenset[str]) -> None:
        super().__init__("record ids are in the log already")
        self.ids = ids


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A signed note with the tree's edge at its size, which is never changed."""

    edge: Frontier
    root: bytes
    note: str

    def row(self) -> tuple[object, ...]:
        """The columns of `checkpoints`."""
        return (self.edge.size, self.root, self.edge.to_bytes(), self.note, time.time_ns() // 1000)


class Store:
    """An open log. After any `sqlite3.Error` but a `DoubleIds` it must be abandoned, not used again."""

    def __init__(self, path: Path, node: str | None = None, connect: Connect = schema.connect_writer) -> None:
        self._connection = connect(path)
        try:
            schema.create_if_empty(self._connection, node or secrets.token_hex(4))
            self.node = node or schema.meta(self._connection, "node") or ""
            self.closed_cleanly = schema.meta(self._connection, "clean") == "1"
        except BaseException:
            self._connection.close()  # an open transaction would lock the next try out
            raise
        self.frontier = Frontier()
        self.signed: SignedHead | None = None
        self._unwritten: SignedHead | None = None

    def recover(self, verifier: Verifier, outside: Sequence[Head]) -> None:
        """Rebuild the tree from the last signed head on, and check it.

        1. The last head in the table is signed by our key, its stored edge gives its root, and the first and
           the last record that it covers are there.
        2. All records since are dense and re-hash to their leaves.
        3. No head outside the database is larger than the log, or has another root at its size.

        Raises:
            AuditCorrupt: any of these fails.
        """
        frontier = self._signed_frontier(verifier)  # 1
        self._require_signed_records(frontier.size)
        known = {head.size: head.root for head in outside}
        self._compare(frontier, known)
        for leaf in self.leaves_since(frontier.size):  # 2
            frontier.add(leaf)
            self._compare(frontier, known)  # 3
        if any(head.size > frontier.size for head in outside):
            raise AuditCorrupt("the log is shorter than a head signed earlier: records are missing")
        self.frontier = frontier

    def _signed_frontier(self, verifier: Verifier) -> Frontier:
        row = self._connection.execute(
            "SELECT size, root, peaks, note FROM checkpoints ORDER BY size DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return Frontier()
        size, root, peaks, note = row
        try:
            head = verifier.open(str(note))
            frontier = Frontier.from_bytes(size, peaks)
        except (NoteInvalid, AttributeError, TypeError, ValueError) as cause:
            raise AuditCorrupt(f"the signed head at {size} is broken: {cause}") from cause
        if head != Head(size, root) or frontier.root() != root:
            raise AuditCorrupt(f"the signed head at {size} does not fit what is stored beside it")
        self.signed = SignedHead(frontier, root, note)
        return frontier.copy()

    def _require_signed_records(self, size: int) -> None:
        """Both ends of what the head covers must be there; `verify` reads all that lies between."""
        ends = self._connection.execute("SELECT min(idx), max(idx) FROM records").fetchone()
        if size and (ends[0] != 0 or ends[1] < size - 1):
            raise AuditCorrupt(f"the log is shorter than its signed head at {size}: records are missing")

    @staticmethod
    def _compare(frontier: Frontier, known: dict[int, bytes]) -> None:
        root = known.get(frontier.size)
        if root is not None and frontier.root() != root:
            raise AuditCorrupt(f"the log's root at {frontier.size} is not the one signed earlier")

    def leaves_since(self, size: int) -> Iterator[bytes]:
        """Re-read and re-hash the records from index `size` on.

        Raises:
            AuditCorrupt: an index is missing, or the stored leaf is not that of the stored bytes.
        """
        rows = self._connection.execute(
            "SELECT idx, leaf, body FROM records WHERE idx >= ? ORDER BY idx", (size,)
        )
        for expected, (index, leaf, body) in enumerate(rows, start=size):
            if index != expected:
                raise AuditCorrupt(f"record {expected} is missing")
            if not isinstance(body, bytes) or leaf != leaf_hash(body):
                raise AuditCorrupt(f"record {index} was altered")
            yield leaf

    def write(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Commit `entries` in order; when this returns they are durable.

        Raises:
            DoubleIds: the store stays usable.
            sqlite3.Error: it does not.
        """
        frontier = self.frontier.copy()
        first = frontier.size
        receipts: list[Receipt] = []
        records: list[tuple[object, ...]] = []
        marks: list[tuple[object, ...]] = []
        boxes: list[tuple[object, ...]] = []
        keys: list[tuple[object, ...]] = []
        for index, entry in enumerate(entries, start=first):
            records.append((index, *entry.row, entry.leaf, entry.body))
            for kind, value in entry.marks:
                marks.append((kind, value, index))
            if entry.sealed is not None:
                boxes.append((index, entry.sealed.box))
                keys.append((index, entry.sealed.kid, entry.sealed.wrapped_key))
            frontier.add(entry.leaf)
            receipts.append(Receipt(entry.id, index, entry.leaf))
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._insert("records", records)
            self._insert("marks", marks)
            self._insert("sealed", boxes)
            self._insert("sealed_keys", keys)
            if self._unwritten is not None:
                self._insert("checkpoints", [self._unwritten.row()])
            self._connection.execute("COMMIT")
        except sqlite3.IntegrityError as cause:
            self._connection.execute("ROLLBACK")
            doubles = self._doubles(entries)
            if not doubles:
                raise
            raise DoubleIds(doubles) from cause
        self.frontier = frontier
        self._unwritten = None
        return receipts

    def _insert(self, table: str, rows: list[tuple[object, ...]]) -> None:
        """Insert many rows a statement: each statement gives up the interpreter lock and must win it back."""
        at, count = 0, len(rows)
        while at < count:
            step = min(_CHUNK, count - at)
            self._connection.execute(_insert_sql(table, len(rows[0]), step), [*chain(*rows[at : at + step])])
            at += step

    def _doubles(self, entries: Iterable[Entry]) -> frozenset[str]:
        seen: set[str] = set()
        doubles: set[str] = set()
        for entry in entries:
            if (
                entry.id in seen
                or self._connection.execute("SELECT 1 FROM records WHERE id = ?", (entry.id,)).fetchone()
            ):
                doubles.add(entry.id)
            seen.add(entry.id)
        return frozenset(doubles)

    def keep_signed(self, signed: SignedHead) -> None:
        """Keep a signed head; its row goes with the next batch, or with `flush`, to share their sync."""
        self.signed = self._unwritten = signed

    @property
    def unwritten(self) -> bool:
        """Whether a signed head waits for a batch."""
        return self._unwritten is not None

    def flush(self) -> None:
        """Write the signed head that waits for a batch, if one does."""
        if self._unwritten is not None:
            self._insert("checkpoints", [self._unwritten.row()])
            self._unwritten = None

    def mark_clean(self, *, clean: bool) -> None:
        """Note durably whether the log is closed in order."""
        self._connection.execute("UPDATE meta SET value = ? WHERE key = 'clean'", ("1" if clean else "0",))

    def close(self) -> None:
        """Fold the write-ahead log into the file, and close."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def abandon(self) -> None:
        """Close without trusting the connection any more."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


def _insert_sql(table: str, columns: int, rows: int) -> str:
    row = f"({','.join('?' * columns)})"
    return f"INSERT INTO {table} VALUES {','.join([row] * rows)}"  # noqa: S608 - our own table names only
