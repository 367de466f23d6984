"""What is kept of a request, encrypted under a key made from its first record's own: erased with that.

Duty: put, open and forget within a bound of bytes. What has lain longest makes room for what comes; what a
held request needs never does. It knows no policy: how long something is kept is told to it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.audit.reader import AuditReader
from gateway.audit.record import new_id
from gateway.core.errors import NotFound, StorageUnavailable
from gateway.review.store import ReviewStore

_PURPOSE: Final = "kept for review"
_NONCE: Final = 12
_NEEDED: Final = """
(SELECT id FROM tickets WHERE state IN ('kept', 'waiting', 'releasing')
 UNION SELECT id FROM tickets WHERE state = 'released' AND expires_us > :now)
"""
"""Tickets whose request is still to be answered or fetched."""


class KeptFull(Exception):
    """There is no room, and nothing that may make room."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be kept: `tile`, `full`, `source`, `mask`, `request` or `answer`, of picture 0…n-1."""

    kind: str
    picture: int
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that was kept, opened."""

    mime: str
    content: bytes


def _now_us() -> int:
    return time.time_ns() // 1000


class Keeping:
    """Keeps things for cases, at most `max_bytes` of them."""

    def __init__(
        self,
        store: ReviewStore,
        reader: AuditReader,
        *,
        max_bytes: int,
        clock_us: Callable[[], int] = _now_us,
    ) -> None:
        self._store = store
        self._reader = reader
        self._max_bytes = max_bytes
        self._clock_us = clock_us

    async def put(
        self,
        case_id: str,
        record_id: str,
        items: Sequence[Item],
        *,
        expires_us: int | None,
        also: Callable[[sqlite3.Connection], None] = lambda _connection: None,
    ) -> None:
        """Keep `items` for a case, in place of what was kept of the same kind, and do `also`; all or nothing.

        `record_id` is the request's first record, durable by now: what is kept is encrypted under a key made
        from its own. Without `expires_us` it is kept until its case is settled.

        Raises:
            KeptFull: the bound is reached and nothing may make room.
            NotFound: the record was erased.
            StorageUnavailable, AuditUnavailable: the disk, or the record's key.
        """
        boxes = await asyncio.to_thread(self._sealed, case_id, record_id, items)
        now = self._clock_us()
        size = sum(len(box) for box in boxes)

        def change(connection: sqlite3.Connection) -> None:
            for item in items:
                connection.execute(
                    "DELETE FROM kept WHERE case_id = ? AND kind = ? AND picture = ?",
                    (case_id, item.kind, item.picture),
                )
            _make_room(connection, self._max_bytes - size, now)
            connection.executemany(
                "INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        new_id(),
                        case_id,
                        record_id,
                        item.kind,
                        item.picture,
                        item.mime,
                        box,
                        len(box),
                        now,
                        expires_us,
                    )
                    for item, box in zip(items, boxes, strict=True)
                ],
            )
            also(connection)

        await self._store.write(change)

    async def require(self, case_id: str, kind: str, picture: int) -> None:
        """Make sure that it is there before anybody's look is recorded. Raises NotFound."""
        await self._row(case_id, kind, picture)

    async def opened(self, case_id: str, kind: str, picture: int = 0) -> Kept:
        """Return what was kept.

        Raises:
            NotFound: nothing of that is kept, not any more, or its record was erased.
            StorageUnavailable: it was altered.
        """
        row = await self._row(case_id, kind, picture)
        key = await asyncio.to_thread(self._key, row["record"])
        box: bytes = row["box"]
        try:
            content = await asyncio.to_thread(
                AESGCM(key).decrypt, box[:_NONCE], box[_NONCE:], _place(case_id, kind, picture)
            )
        except InvalidTag as cause:
            raise StorageUnavailable("What was kept does not open: it was altered.") from cause
        return Kept(row["mime"], content)

    async def places(self, case_id: str, kind: str) -> tuple[int, ...]:
        """Return the pictures of which this kind is kept, in order."""
        sql = "SELECT picture FROM kept WHERE case_id = ? AND kind = ? ORDER BY picture"
        return await self._store.read(
            lambda c: tuple(row["picture"] for row in c.execute(sql, (case_id, kind)))
        )

    async def used_bytes(self) -> int:
        """Return how much is kept."""
        return await self._store.read(_used)

    async def sweep(self) -> int:
        """Delete what is past its time; return how many things that were."""
        now = self._clock_us()

        def change(connection: sqlite3.Connection) -> int:
            gone = connection.execute(
                f"DELETE FROM kept WHERE expires_us <= :now AND case_id NOT IN {_NEEDED}",  # noqa: S608
                {"now": now},
            ).rowcount
            if gone:
                connection.execute("PRAGMA incremental_vacuum")
            return gone

        return await self._store.write(change)

    async def _row(self, case_id: str, kind: str, picture: int) -> sqlite3.Row:
        sql = "SELECT * FROM kept WHERE case_id = ? AND kind = ? AND picture = ?"
        row = await self._store.read(lambda c: c.execute(sql, (case_id, kind, picture)).fetchone())
        if row is None:
            raise NotFound("Nothing of that is kept, or not any more.", param="picture")
        found: sqlite3.Row = row
        return found

    def _sealed(self, case_id: str, record_id: str, items: Sequence[Item]) -> list[bytes]:
        cipher = AESGCM(self._key(record_id))
        boxes = []
        for item in items:
            nonce = os.urandom(_NONCE)
            place = _place(case_id, item.kind, item.picture)
            boxes.append(nonce + cipher.encrypt(nonce, item.content, place))
        return boxes

    def _key(self, record_id: str) -> bytes:
        key = self._reader.key_beside(record_id, _PURPOSE)
        if key is None:
            raise NotFound("What was kept can't be opened: its record was erased.", param="picture")
        return key


def _make_room(connection: sqlite3.Connection, bytes_left: int, now_us: int) -> None:
    """Delete what has lain longest and nobody waits for, until at most `bytes_left` are kept."""
    over = _used(connection) - bytes_left
    if over <= 0:
        return
    rows = connection.execute(
        f"SELECT id, size_bytes FROM kept WHERE case_id NOT IN {_NEEDED} ORDER BY stored_us, id",  # noqa: S608
        {"now": now_us},
    ).fetchall()
    gone = []
    for row in rows:
        if over <= 0:
            break
        gone.append((row["id"],))
        over -= row["size_bytes"]
    if over > 0:
        raise KeptFull
    connection.executemany("DELETE FROM kept WHERE id = ?", gone)
    connection.execute("PRAGMA incremental_vacuum")


def _used(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(sum(size_bytes), 0) AS used FROM kept").fetchone()["used"])


def _place(case_id: str, kind: str, picture: int) -> bytes:
    """What a box is bound to: it opens nowhere else."""
    return f"{case_id}|{kind}|{picture}".encode()
