"""Reading the log: filters, paging, one record, a request's trail, and unsealing. It can't write.

The caller who unseals must first append an `access` record; this module only opens the box.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.audit.filters import RecordFilter, conditions_of, source_of
from gateway.audit.proof import make_proof
from gateway.audit.schema import connect_reader
from gateway.audit.sealing import SealBroken, Sealer
from gateway.audit.tree import inclusion_ranges, root_of
from gateway.core.errors import AuditUnavailable, ConfigurationError, Conflict, NotFound, RequestInvalid

MAX_LIMIT: Final = 500
_DAMAGED: Final = "the audit log is damaged here; `imagegate audit verify` says how"
_LEAVES_AT_ONCE: Final = 4096
_COLUMNS: Final = "records.idx, id, type, leaf, body"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record as it is stored: its index, its leaf (32 bytes), and the exact hashed bytes."""

    index: int
    id: str
    type: str
    leaf: bytes
    body: bytes

    @property
    def public(self) -> dict[str, Any]:
        """The public part, parsed."""
        parsed: dict[str, Any] = orjson.loads(self.body)
        return parsed


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records in the asked order; `next_cursor` continues after the last, None at the end."""

    records: tuple[StoredRecord, ...]
    next_cursor: int | None


class AuditReader:
    """A read-only view of a log that may be written meanwhile. Thread-safe; one query at a time."""

    def __init__(self, database: Path, sealer: Sealer | None = None) -> None:
        """Open `database`; without `sealer` nothing can be unsealed.

        Raises:
            ConfigurationError: there is no log, or it can't be read.
        """
        try:
            self._connection = connect_reader(database)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as cause:
            raise ConfigurationError(f"the audit log at {database} can't be read") from cause
        self._lock = threading.Lock()
        self._sealer = sealer

    def records(
        self,
        filters: RecordFilter | None = None,
        *,
        cursor: int | None = None,
        limit: int = 50,
        oldest_first: bool = False,
    ) -> RecordPage:
        """Return up to `limit` (1..500) records, newest first, continuing after `cursor` (an index).

        Paging is stable: a record that is written meanwhile never moves another to a second page.

        Raises:
            RequestInvalid: `limit` is out of range, or a filter holds a word that no record has.
            AuditUnavailable: the log can't be read.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise RequestInvalid(f"limit must be within 1 and {MAX_LIMIT}", param="limit")
        chosen = filters or RecordFilter()
        chosen.require_known()
        source, values = source_of(chosen)
        conditions = conditions_of(chosen, values)
        if cursor is not None:
            conditions.append(f"{source.index} > ?" if oldest_first else f"{source.index} < ?")
            values.append(cursor)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        order = "ASC" if oldest_first else "DESC"
        rows = self._query(
            f"SELECT {_COLUMNS} FROM {source.tables} {where} ORDER BY {source.index} {order} LIMIT ?",  # noqa: S608 - our own words
            [*values, limit + 1],
        )
        records = tuple(StoredRecord(*row) for row in rows[:limit])
        return RecordPage(records, records[-1].index if len(rows) > limit else None)

    def get(self, record_id: str, *, tenant: str | None = None) -> StoredRecord:
        """Return one record by its id; with `tenant`, only if it is that tenant's.

        Raises:
            NotFound: no such record.
            AuditUnavailable: the log can't be read.
        """
        rows = self._query(
            f"SELECT {_COLUMNS} FROM records WHERE id = ? AND (?2 IS NULL OR tenant = ?2)",  # noqa: S608 - our own words
            [record_id, tenant],
        )
        if not rows:
            raise NotFound("no such audit record", param="id")
        return StoredRecord(*rows[0])

    def many(self, record_ids: Sequence[str]) -> tuple[StoredRecord, ...]:
        """Return the records of these ids (at most 500) in the log's order; unknown ids are left out.

        Raises:
            AuditUnavailable: the log can't be read.
        """
        marks = ",".join("?" * len(record_ids))
        sql = f"SELECT {_COLUMNS} FROM records WHERE id IN ({marks}) ORDER BY idx"  # noqa: S608 - placeholders
        return tuple(StoredRecord(*row) for row in self._query(sql, record_ids))

    def trail(self, request_id: str, *, tenant: str | None = None) -> tuple[StoredRecord, ...]:
        """Return all records under a request's id, oldest first; empty when there are none.

        Clients choose these ids: without `tenant` the records may be those of several tenants.

        Raises:
            AuditUnavailable: the log can't be read.
        """
        rows = self._query(
            f"SELECT {_COLUMNS} FROM records WHERE request_id = ? AND (?2 IS NULL OR tenant = ?2) "  # noqa: S608 - our own words
            "ORDER BY idx",
            [request_id, tenant],
        )
        return tuple(StoredRecord(*row) for row in rows)

    def proof(self, record_id: str) -> str:
        """Return the file that proves one record to anyone with the public key (`gateway.audit.proof`).

        It reads every leaf that the newest head covers, a few at a time: others read in between.

        Raises:
            NotFound: no such record.
            Conflict: no signed head covers it yet.
            AuditUnavailable: the log can't be read.
        """
        record = self.get(record_id)
        heads = self._query("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1", [])
        if heads and not isinstance(heads[0][0], int):
            raise AuditUnavailable(_DAMAGED)
        if not heads or heads[0][0] <= record.index:
            raise Conflict(
                "No signed head covers this record yet; one is signed within ten seconds: try again."
            )
        size, note = heads[0]
        try:
            path = [root_of(self._leaves(*span)) for span in inclusion_ranges(size, record.index)]
            return make_proof(path, record.index, record.body, str(note))
        except TypeError as cause:  # stored as another type than we write
            raise AuditUnavailable(_DAMAGED) from cause

    def _leaves(self, low: int, high: int) -> Iterator[bytes]:
        """The leaves `[low, high)`, in order."""
        for start in range(low, high, _LEAVES_AT_ONCE):
            rows = self._query(
                "SELECT leaf FROM records WHERE idx >= ? AND idx < ? ORDER BY idx",
                [start, min(start + _LEAVES_AT_ONCE, high)],
            )
            yield from (leaf for (leaf,) in rows)

    def unseal(self, record_id: str) -> dict[str, str]:
        """Return the sealed fields of a record. The caller has recorded the access before.

        Raises:
            NotFound: no such record, nothing sealed in it, or its key was destroyed.
            AuditUnavailable: no master key, a wrong one, altered bytes, or the log can't be read.
        """
        record = self.get(record_id)
        rows = self._query(
            "SELECT box, wrapped FROM sealed LEFT JOIN sealed_keys USING (idx) WHERE idx = ?", [record.index]
        )
        if not rows:
            raise NotFound("this record has no sealed part", param="id")
        box, wrapped = rows[0]
        if wrapped is None:
            raise NotFound("the sealed part of this record was erased", param="id")
        if self._sealer is None:
            raise AuditUnavailable("this process has no key for sealed parts")
        try:
            commitment = record.public["sealed"]["commitment"]
            return self._sealer.unseal(record.id, record.type, box, wrapped, commitment)
        except (SealBroken, KeyError) as cause:
            raise AuditUnavailable("the sealed part does not open: wrong key, or altered") from cause

    def key_beside(self, record_id: str, purpose: str) -> bytes | None:
        """Return a key made from the record's own (32 bytes), or None when that was erased or never was.

        Raises:
            AuditUnavailable: no master key, a wrong one, or the log can't be read.
        """
        sql = "SELECT k.wrapped FROM records JOIN sealed_keys k USING (idx) WHERE id = ?"
        rows = self._query(sql, [record_id])
        if not rows:
            return None
        if self._sealer is None:
            raise AuditUnavailable("this process has no key for sealed parts")
        try:
            return self._sealer.key_beside(record_id, rows[0][0], purpose)
        except SealBroken as cause:
            raise AuditUnavailable("the record's key does not open: wrong master key, or altered") from cause

    def size(self) -> int:
        """Return the number of records.

        Raises:
            AuditUnavailable: the log can't be read.
        """
        return int(self._query("SELECT coalesce(max(idx) + 1, 0) FROM records", [])[0][0])

    def checkpoint(self) -> str | None:
        """Return the newest signed head in the database.

        Raises:
            AuditUnavailable: the log can't be read.
        """
        rows = self._query("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1", [])
        return str(rows[0][0]) if rows else None

    def close(self) -> None:
        """Close; idempotent."""
        with self._lock:
            self._connection.close()

    def _query(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._connection.execute(sql, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as cause:
            raise AuditUnavailable("the audit log can't be read") from cause
