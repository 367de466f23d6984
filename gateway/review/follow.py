"""The log followed: every record that binds a case becomes rows, once, in the log's order.

Duty: records → rows, now or in a rebuild, by the same way. It reads what the log says and never decides. The
keyed hashes of who asked and of prompts are made here, by the process and shown to nobody: an erased record's
can't be made again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.audit.reader import AuditReader, StoredRecord
from gateway.audit.record_checks import OUTCOME
from gateway.audit.sealing import Sealer
from gateway.core.errors import AuditUnavailable, NotFound
from gateway.review import folding
from gateway.review.derive import Derived, derive
from gateway.review.records import SETTLE, act_row
from gateway.review.store import ReviewStore
from gateway.review.types import Act, CaseState, Ground, TicketState

_AT_ONCE: Final = 250
_NAMED_AT_ONCE: Final = 400
_PURPOSE_USERS: Final = "end users of "
_PURPOSE_PROMPTS: Final = "prompts of "
_TAG: Final = 16
_DERIVED_TABLES: Final = ("requests", "request_marks", "cases", "acts", "end_users")
Public = Mapping[str, Any]
Apply = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Tags:
    """Keyed hashes of who asked (the key, and the client's end user if it named one) and of what."""

    key: str
    user: str | None
    prompt: str | None


class Follower:
    """Keeps the review database up to date with the log. One at a time; callers wait for each other."""

    def __init__(self, store: ReviewStore, reader: AuditReader, sealer: Sealer) -> None:
        self._store = store
        self._reader = reader
        self._sealer = sealer
        self._turn = asyncio.Lock()

    async def catch_up(self) -> int:
        """Take every record that the log has by now; return how many there were.

        Raises:
            AuditUnavailable, StorageUnavailable: the log or the review database fails.
        """
        taken = 0
        async with self._turn:
            while True:
                at = await self._store.read(_followed)
                rows = await asyncio.to_thread(self._next, at)
                if not rows:
                    return taken
                applied = await asyncio.to_thread(self._applications, rows)
                await self._store.write(lambda c, a=applied, i=rows[-1].index: _apply(c, a, i))  # type: ignore[misc]
                taken += len(rows)

    async def rebuild(self) -> int:
        """Make everything that the log binds again from its first record; return how many there were.

        Locks, kept pictures, sessions and what waits to be sent are left as they are.

        Raises:
            AuditUnavailable, StorageUnavailable: as `catch_up`; then call it again.
        """

        def forget(connection: sqlite3.Connection) -> None:
            for table in _DERIVED_TABLES:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own table names
            connection.execute("DELETE FROM meta WHERE key = 'followed'")

        await self._store.write(forget)
        return await self.catch_up()

    def tags_of(self, tenant: str, fields: Mapping[str, str]) -> Tags:
        """Return the keyed hashes for sealed fields; `actor` is KEY or KEY/END USER."""
        actor, _, user = fields.get("actor", "").partition("/")
        users = self._sealer.key_for(_PURPOSE_USERS + tenant)
        prompts = self._sealer.key_for(_PURPOSE_PROMPTS + tenant)
        words = " ".join(fields.get("prompt", "").casefold().split())
        return Tags(
            key=_tag(users, "key", actor),
            user=_tag(users, "user", user) if user else None,
            prompt=_tag(prompts, "prompt", words) if words else None,
        )

    def _next(self, at: int) -> tuple[StoredRecord, ...]:
        return self._reader.records(cursor=at, limit=_AT_ONCE, oldest_first=True).records

    def _applications(self, rows: Sequence[StoredRecord]) -> list[Apply]:
        """What each record changes; everything is read here, so that the writer only writes."""
        known = {row.id: row.public for row in rows if row.type == "decision"}
        applied: list[Apply] = []
        for row in rows:
            public = known.get(row.id) or row.public
            if row.type == "decision" and public.get("stage") == OUTCOME:
                applied += self._closed(row.index, public, known)
            elif row.type == "review":
                applied += self._reviewed(row.index, public)
            elif row.type == "erasure":
                applied.append(_erased(public))
        return applied

    def _closed(self, index: int, closing: Public, known: Mapping[str, Public]) -> list[Apply]:
        members = self._members(closing, known)
        ticket = closing.get("ticket")
        if ticket is not None:
            stages = [str(record["stage"]) for record in members if record.get("action") == "hold"]
            return [_continued(index, str(ticket), closing, stages[-1] if stages else "prompt")]
        derived = derive(index, closing, members)
        if derived is None:
            return []
        tags = self._opened(str(derived.row[17]), str(closing["tenant"]))
        return [lambda connection: _insert_request(connection, index, derived, tags, closing)]

    def _members(self, closing: Public, known: Mapping[str, Public]) -> list[Public]:
        ids = [str(one) for one in closing.get("records") or ()]
        lacking = [one for one in ids if one not in known]
        found = dict(known)
        for at in range(0, len(lacking), _NAMED_AT_ONCE):
            for row in self._reader.many(lacking[at : at + _NAMED_AT_ONCE]):
                found[row.id] = row.public
        return [found[one] for one in ids if one in found]

    def _opened(self, record_id: str, tenant: str) -> Tags | None:
        try:
            return self.tags_of(tenant, self._reader.unseal(record_id))
        except (NotFound, AuditUnavailable):  # erased, or sealed under a key that is not here
            return None

    def _reviewed(self, index: int, public: Public) -> list[Apply]:
        if public.get("act") == SETTLE:
            return [_settled(public)]
        try:
            actor = self._reader.unseal(str(public["id"])).get("actor", "")
        except (NotFound, AuditUnavailable):
            actor = str(public.get("reviewer", ""))
        row = act_row(index, public, actor)
        return [] if row is None else [lambda connection: _insert_act(connection, row, public)]


def _followed(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM meta WHERE key = 'followed'").fetchone()
    return -1 if row is None else int(row["value"])


def _apply(connection: sqlite3.Connection, applied: Sequence[Apply], index: int) -> None:
    for change in applied:
        change(connection)
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('followed', ?)", (str(index),))


def _insert_request(
    connection: sqlite3.Connection, index: int, derived: Derived, tags: Tags | None, closing: Public
) -> None:
    places = ",".join("?" * len(derived.row))
    connection.execute(f"INSERT INTO requests VALUES ({places})", derived.row)  # noqa: S608 - placeholders
    marks = [(kind, value, index) for kind, value in derived.marks]
    if tags is not None:
        connection.execute(
            "INSERT INTO end_users VALUES (?, ?, ?, ?)", (index, closing["tenant"], tags.key, tags.user)
        )
        if tags.prompt is not None and not derived.minors:
            marks.append(("prompt", tags.prompt, index))
    connection.executemany("INSERT INTO request_marks VALUES (?, ?, ?)", marks)
    case = derived.case
    if case is None:
        return
    connection.execute(
        "INSERT INTO cases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, NULL)",
        (
            closing["id"],
            index,
            closing["tenant"],
            case.queue,
            case.ground.value,
            case.ground.rank,
            case.priority,
            CaseState.OPEN.value,
            closing["time_us"],
            case.deadline_us,
            int(case.wants_second),
            index,
        ),
    )
    if case.ground is Ground.HELD:
        _insert_ticket(connection, closing, str(derived.row[7]), str(derived.row[17]))


def _insert_ticket(connection: sqlite3.Connection, closing: Public, stage: str, first_record: str) -> None:
    """It is there since the request was kept; a rebuild after a loss makes it again, with nothing kept."""
    connection.execute(
        "INSERT INTO tickets VALUES (?, ?, ?, ?, ?, ?, ?, 'refuse', NULL, NULL, NULL, NULL, 0) "
        "ON CONFLICT(id) DO UPDATE SET state = CASE state WHEN ? THEN excluded.state ELSE state END",
        (
            closing["id"],
            closing["tenant"],
            first_record,
            stage,
            TicketState.WAITING.value,
            closing["time_us"],
            closing["hold"]["deadline_us"],
            TicketState.KEPT.value,
        ),
    )


def _insert_act(connection: sqlite3.Connection, row: tuple[object, ...], public: Public) -> None:
    places = ",".join("?" * len(row))
    connection.execute(f"INSERT OR IGNORE INTO acts VALUES ({places})", row)  # noqa: S608 - placeholders
    if public.get("undoes"):
        connection.execute("UPDATE acts SET undone_by = ? WHERE id = ?", (public["id"], public["undoes"]))
    fold_case(connection, str(public["case"]))


def fold_case(connection: sqlite3.Connection, case_id: str) -> folding.Standing | None:
    """Bring a case to where its acts say; None when there is no such case."""
    case = connection.execute("SELECT * FROM cases WHERE id = ?", (case_id,)).fetchone()
    if case is None:
        return None
    now = folding.standing(
        acts_that_count(connection, case_id, case["since_idx"]), wants_second=bool(case["wants_second"])
    )
    if case["settled"] is None:
        connection.execute(
            "UPDATE cases SET state = ?, outcome = ?, decided_us = ? WHERE id = ?",
            (now.state.value, now.outcome, now.decided.time_us if now.decided else None, case_id),
        )
    return now


def acts_that_count(connection: sqlite3.Connection, case_id: str, since_idx: int) -> list[folding.Done]:
    """Return the acts on a case since it was last opened, undone ones left out, in the log's order."""
    rows = connection.execute(
        "SELECT * FROM acts WHERE case_id = ? AND idx > ? AND undone_by IS NULL ORDER BY idx",
        (case_id, since_idx),
    )
    return [
        folding.Done(
            id=row["id"],
            act=Act(row["act"]),
            reviewer=row["reviewer"],
            lead=row["role"] == "admin",
            to=row["to_action"],
            time_us=row["time_us"],
            effective_us=row["effective_us"],
        )
        for row in rows
    ]


def _continued(index: int, ticket: str, closing: Public, stage: str) -> Apply:
    """A released request went on: held again, its case is open again; else only what was drawn is added."""

    def change(connection: sqlite3.Connection) -> None:
        hold = closing.get("hold")
        if hold is None or "deadline_us" not in hold:
            return
        connection.execute(
            "UPDATE cases SET state = ?, since_idx = ?, deadline_us = ?, outcome = NULL, decided_us = NULL "
            "WHERE id = ?",
            (CaseState.OPEN.value, index, hold["deadline_us"], ticket),
        )
        connection.execute(
            "UPDATE tickets SET state = ?, stage = ?, deadline_us = ? WHERE id = ?",
            (TicketState.WAITING.value, stage, hold["deadline_us"], ticket),
        )

    return change


def _settled(public: Public) -> Apply:
    """A held request is over; whoever decided, nobody needs to look any more."""

    def change(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE cases SET state = ?1, deadline_us = NULL, decided_us = coalesce(decided_us, ?2), "
            "outcome = coalesce(outcome, ?3), settled = ?3 WHERE id = ?4",
            (CaseState.DECIDED.value, public["time_us"], public["settled"], public["case"]),
        )
        connection.execute(
            "UPDATE tickets SET state = ?1, settled_us = ?2, settled_by = ?3, reason = coalesce(reason, ?4) "
            "WHERE id = ?5 AND settled_us IS NULL",
            (public["settled"], public["time_us"], public.get("by"), public.get("fault"), public["case"]),
        )

    return change


def _erased(public: Public) -> Apply:
    """What was made of an erased record's text goes too."""
    erased = [str(one) for one in public.get("erased") or ()]

    def change(connection: sqlite3.Connection) -> None:
        for record_id in erased:
            connection.execute(
                "DELETE FROM end_users WHERE idx IN (SELECT idx FROM requests WHERE first_record = ?1)",
                (record_id,),
            )
            connection.execute(
                "DELETE FROM request_marks WHERE kind = 'prompt' AND idx IN "
                "(SELECT idx FROM requests WHERE first_record = ?1)",
                (record_id,),
            )
            connection.execute("DELETE FROM kept WHERE record = ?", (record_id,))

    return change


def _tag(key: bytes, kind: str, value: str) -> str:
    return hmac.new(key, f"{kind}|{value}".encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:_TAG]
