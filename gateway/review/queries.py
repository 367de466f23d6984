"""What is asked of the review database, in SQL: queues, one case, its acts, who has it in hand.

Duty: queries and row → type. It writes nothing but locks, and it reads no record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from gateway.core.errors import NotFound, RequestInvalid
from gateway.review.types import (
    LEAD_QUEUE,
    MINORS_QUEUE,
    Act,
    CaseLock,
    CaseRow,
    CaseState,
    Ground,
    KeptItem,
    PastAct,
    QueueCount,
    QueuePage,
    QueueQuery,
    Reviewer,
    TicketState,
    TicketView,
    UserNumbers,
)

MAX_LIMIT: Final = 200
_COLUMNS: Final = """
SELECT c.*, r.request, r.time_us, r.surface, r.stage, r.action, r.verdict, r.degraded, r.policy, r.revision,
       r.model, r.decision, r.minors,
       EXISTS(SELECT 1 FROM kept k WHERE k.case_id = c.id AND k.kind = 'tile') AS has_tile,
       l.reviewer AS locked_by, l.until_us AS locked_until_us
FROM cases c JOIN requests r ON r.id = c.id LEFT JOIN locks l ON l.case_id = c.id AND l.until_us > :now
"""
_ORDER: Final = "ORDER BY c.rank, c.priority DESC, c.opened_us, c.idx"
_WAITING: Final = "c.state IN ('open', 'second', 'lead', 'later')"


def page(connection: sqlite3.Connection, who: Reviewer, asked: QueueQuery, now_us: int) -> QueuePage:
    """Return one page of cases in the order in which they should be worked on.

    Raises:
        RequestInvalid: the limit or the cursor is none of ours.
    """
    if not 1 <= asked.limit <= MAX_LIMIT:
        raise RequestInvalid(f"limit must be within 1 and {MAX_LIMIT}", param="limit")
    terms, values = _terms(who, asked)
    values["now"] = now_us
    if asked.cursor is not None:
        rank, priority, opened_us, index = _place(asked.cursor)
        terms.append("(c.rank, -c.priority, c.opened_us, c.idx) > (:rank, :priority, :opened, :idx)")
        values |= {"rank": rank, "priority": priority, "opened": opened_us, "idx": index}
    sql = f"{_COLUMNS} WHERE {' AND '.join(terms)} {_ORDER} LIMIT {asked.limit + 1:d}"
    rows = connection.execute(sql, values).fetchall()
    shown = rows[: asked.limit]
    cases = tuple(_case_row(connection, row) for row in shown)
    return QueuePage(cases, _cursor(shown[-1]) if len(rows) > asked.limit else None)


def counts(connection: sqlite3.Connection, who: Reviewer, now_us: int) -> tuple[QueueCount, ...]:
    """Return each queue with what waits in it; a lead's queue first, then by name."""
    terms, values = _terms(who, QueueQuery())
    values["now"] = now_us
    sql = f"""
    SELECT CASE c.state WHEN 'lead' THEN '{LEAD_QUEUE}' ELSE c.queue END AS name, count(*) AS waiting,
           sum(c.ground = 'held') AS held, min(c.opened_us) AS oldest
    FROM cases c WHERE {" AND ".join(terms)} GROUP BY name ORDER BY name <> '{LEAD_QUEUE}', name
    """  # noqa: S608 - our own words
    return tuple(
        QueueCount(row["name"], row["waiting"], row["held"], row["oldest"])
        for row in connection.execute(sql, values)
    )


def one(connection: sqlite3.Connection, who: Reviewer, case_id: str, now_us: int) -> CaseRow:
    """Return a case that this reviewer may see. Raises NotFound."""
    sql = f"{_COLUMNS} WHERE c.id = :id AND (:tenant IS NULL OR c.tenant = :tenant)"
    row = connection.execute(sql, {"id": case_id, "tenant": who.tenant, "now": now_us}).fetchone()
    if row is None:
        raise NotFound("There is no such case in this tenant.", param="case_id")
    return _case_row(connection, row)


def free_cases(
    connection: sqlite3.Connection, who: Reviewer, queue: str | None, now_us: int
) -> tuple[str, ...]:
    """Return the first cases that nobody else has in hand and that this reviewer may decide, in order."""
    terms, values = _terms(who, QueueQuery(queue=queue))
    terms.append("c.state <> 'later'")
    terms.append("(l.case_id IS NULL OR l.reviewer = :me)")
    terms.append(
        "NOT (c.state = 'second' AND EXISTS(SELECT 1 FROM acts a WHERE a.case_id = c.id AND a.reviewer = :me "
        "AND a.undone_by IS NULL AND a.act IN ('confirm', 'overturn', 'release', 'refuse')))"
    )
    if not who.lead:
        terms.append("c.state <> 'lead'")
    if queue is None:
        terms.append(f"c.queue <> '{MINORS_QUEUE}'")  # nobody is led there without having asked
    sql = f"""
    SELECT c.id FROM cases c LEFT JOIN locks l ON l.case_id = c.id AND l.until_us > :now
    WHERE {" AND ".join(terms)} {_ORDER} LIMIT 20
    """  # noqa: S608 - our own words
    rows = connection.execute(sql, {**values, "me": who.key_id, "now": now_us})
    return tuple(row["id"] for row in rows)


def take_lock(
    connection: sqlite3.Connection, case_id: str, reviewer: str, now_us: int, until_us: int
) -> CaseLock:
    """Give the case to this reviewer until then, unless another one has it. In a writing transaction."""
    held = connection.execute(
        "SELECT reviewer, until_us FROM locks WHERE case_id = ? AND until_us > ?", (case_id, now_us)
    ).fetchone()
    if held is not None and held["reviewer"] != reviewer:
        return CaseLock(case_id, acquired=False, locked_by=held["reviewer"], until_us=held["until_us"])
    connection.execute("INSERT OR REPLACE INTO locks VALUES (?, ?, ?)", (case_id, reviewer, until_us))
    return CaseLock(case_id, acquired=True, locked_by=reviewer, until_us=until_us)


def lock_of(row: CaseRow, who: Reviewer) -> CaseLock:
    """Return who has the case in hand."""
    return CaseLock(row.id, row.locked_by == who.key_id, row.locked_by, row.locked_until_us)


def acts_on(connection: sqlite3.Connection, case_id: str) -> tuple[PastAct, ...]:
    """Return every act on a case, oldest first, with its reviewer."""
    rows = connection.execute("SELECT * FROM acts WHERE case_id = ? ORDER BY idx", (case_id,))
    return tuple(
        PastAct(
            id=row["id"],
            act=Act(row["act"]),
            reviewer=row["reviewer"],
            role=row["role"],
            time_us=row["time_us"],
            effective_us=row["effective_us"],
            to_action=row["to_action"],
            reason=row["reason"],
            tags=tuple(row["tags"].split()),
            has_note=bool(row["has_note"]),
            undone_by=row["undone_by"],
        )
        for row in rows
    )


def kept_for(connection: sqlite3.Connection, case_id: str) -> tuple[KeptItem, ...]:
    """Return what pictures are kept for a case."""
    rows = connection.execute(
        "SELECT picture, kind, mime, size_bytes, expires_us FROM kept "
        "WHERE case_id = ? AND kind IN ('tile', 'full', 'source') ORDER BY picture, kind DESC",
        (case_id,),
    )
    return tuple(KeptItem(*row) for row in rows)


def ticket_of(connection: sqlite3.Connection, ticket: str) -> TicketView | None:
    """Return where a held request stands, or None when there is no such ticket."""
    row = connection.execute("SELECT * FROM tickets WHERE id = ?", (ticket,)).fetchone()
    if row is None:
        return None
    return TicketView(
        id=row["id"],
        tenant=row["tenant"],
        state=TicketState(row["state"]),
        stage=row["stage"],
        deadline_us=row["deadline_us"],
        at_deadline=row["at_deadline"],
        settled_us=row["settled_us"],
        reason=row["reason"],
    )


def user_numbers(connection: sqlite3.Connection, case_id: str, since_us: int) -> UserNumbers | None:
    """Return what the case's end user asked since then, in numbers; None when no end user was named."""
    row = connection.execute(
        "SELECT e.tenant, e.user_tag FROM requests r JOIN end_users e ON e.idx = r.idx WHERE r.id = ?",
        (case_id,),
    ).fetchone()
    if row is None or row["user_tag"] is None:
        return None
    found = connection.execute(
        "SELECT count(*) AS requests, sum(r.action = 'block') AS blocked, sum(r.action = 'hold') AS held, "
        "sum(r.action = 'rewrite') AS rewritten, min(r.time_us) AS first_us "
        "FROM end_users e JOIN requests r ON r.idx = e.idx "
        "WHERE e.tenant = ? AND e.user_tag = ? AND r.time_us >= ?",
        (row["tenant"], row["user_tag"], since_us),
    ).fetchone()
    return UserNumbers(
        row["user_tag"],
        found["requests"],
        found["blocked"] or 0,
        found["held"] or 0,
        found["rewritten"] or 0,
        found["first_us"],
    )


def marks_of(connection: sqlite3.Connection, index: int, kinds: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return a request's marks by kind."""
    found: dict[str, list[str]] = {kind: [] for kind in kinds}
    for row in connection.execute("SELECT kind, value FROM request_marks WHERE idx = ?", (index,)):
        if row["kind"] in found:
            found[row["kind"]].append(row["value"])
    return {kind: tuple(values) for kind, values in found.items()}


def _terms(who: Reviewer, asked: QueueQuery) -> tuple[list[str], dict[str, object]]:
    terms, values = [], dict[str, object]()
    tenant = who.tenant or asked.tenant
    if tenant is not None:
        terms.append("c.tenant = :tenant")
        values["tenant"] = tenant
    if asked.queue == LEAD_QUEUE:
        terms.append("c.state = 'lead'")
    elif asked.queue is not None:
        terms.append("c.queue = :queue")
        values["queue"] = asked.queue
    if asked.ground is not None:
        terms.append("c.ground = :ground")
        values["ground"] = asked.ground.value
    if asked.state is not None:
        terms.append("c.state = :state")
        values["state"] = asked.state.value
    else:
        terms.append(_WAITING)
    return terms, values


def _case_row(connection: sqlite3.Connection, row: sqlite3.Row) -> CaseRow:
    marks = marks_of(connection, row["idx"], ("rule", "shadow", "category"))
    return CaseRow(
        id=row["id"],
        request_id=row["request"],
        tenant=row["tenant"],
        queue=LEAD_QUEUE if row["state"] == CaseState.LEAD and not row["minors"] else row["queue"],
        ground=Ground(row["ground"]),
        state=CaseState(row["state"]),
        priority=row["priority"],
        time_us=row["time_us"],
        deadline_us=row["deadline_us"],
        surface=row["surface"],
        stage=row["stage"],
        action=row["action"],
        verdict=row["verdict"],
        degraded=bool(row["degraded"]),
        policy=row["policy"],
        revision=row["revision"],
        model=row["model"],
        decision=row["decision"],
        rules=marks["rule"],
        shadow=marks["shadow"],
        categories=marks["category"],
        minors=bool(row["minors"]),
        has_tile=bool(row["has_tile"]),
        locked_by=row["locked_by"],
        locked_until_us=row["locked_until_us"],
    )


def _cursor(row: sqlite3.Row) -> str:
    return f"{row['rank']}.{-row['priority']}.{row['opened_us']}.{row['idx']}"


def _place(cursor: str) -> tuple[int, int, int, int]:
    try:
        rank, priority, opened_us, index = (int(part) for part in cursor.split("."))
    except ValueError as cause:
        raise RequestInvalid(
            "cursor: give the next_cursor of a page, or leave it out.", param="cursor"
        ) from cause
    return rank, priority, opened_us, index
