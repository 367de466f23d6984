"""Requests found by what is known of them: for the explorer and for numbers over the same choice.

Duty: a choice → SQL over the derived tables → rows, facets. It opens no sealed text and reads no record.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import Final

from gateway.core.errors import Forbidden, RequestInvalid
from gateway.review.queries import marks_of
from gateway.review.types import Reviewer

MAX_FOUND: Final = 10_000
CASES: Final = "LEFT JOIN cases c ON c.idx = r.idx"
_FACET_ROWS: Final = 8
_WORD: Final = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_REVISION: Final = re.compile(r"[0-9a-f]{4,64}")
_ACTIONS: Final = ("allow", "redact", "regenerate", "rewrite", "hold", "block")
_STAGES: Final = ("prompt", "prompt-recheck", "input-image", "image")
_STATES: Final = ("none", "open", "second", "lead", "later", "decided")
_CHOICES: Final = {"action": _ACTIONS, "verdict": _ACTIONS, "stage": _STAGES, "state": _STATES}
_MARKS: Final = ("rule", "shadow", "model")


@dataclass(frozen=True, slots=True)
class RequestQuery:
    """Which requests; every given field must hold.

    `action` is the one carried out, `stage` the one that decided. `rule` and `shadow` matched anywhere in
    the request; `category` counts those below it too. `revision` is a policy revision or its first 4
    characters and more. `state` is the case's, "none" for a request without one. `since_us` ≤ time <
    `until_us`. `cursor` is a page's `next_cursor`.
    """

    action: str | None = None
    verdict: str | None = None
    stage: str | None = None
    rule: str | None = None
    shadow: str | None = None
    category: str | None = None
    tenant: str | None = None
    policy: str | None = None
    revision: str | None = None
    model: str | None = None
    state: str | None = None
    request: str | None = None
    degraded: bool | None = None
    since_us: int | None = None
    until_us: int | None = None
    cursor: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request; `state` and `decided` are its case's, if it is one. `id` is that of its closing record."""

    id: str
    time_us: int
    tenant: str
    request_id: str
    surface: str
    outcome: str
    stage: str
    action: str
    verdict: str
    degraded: bool
    policy: str
    revision: str
    model: str
    pictures: int
    latency_us: int
    decision: str
    rules: tuple[str, ...]
    shadow: tuple[str, ...]
    categories: tuple[str, ...]
    state: str | None
    decided: str | None


@dataclass(frozen=True, slots=True)
class RequestPage:
    """Requests newest first, and where the next page begins, if any."""

    rows: tuple[RequestRow, ...]
    next_cursor: int | None


@dataclass(frozen=True, slots=True)
class Facet:
    """The most frequent values of one field among the newest requests of a choice, with their counts."""

    name: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice as SQL: conditions on `source`, and their values by name. Cases are joined if asked for."""

    source: str
    where: str
    values: dict[str, object]


def chosen(who: Reviewer, asked: RequestQuery) -> Chosen:
    """Return the conditions for what this reviewer may see of what is asked.

    Raises:
        RequestInvalid: a word that no request can have, or times in the wrong order.
        Forbidden: another tenant than the reviewer's own.
    """
    _check(asked)
    if who.tenant is not None and asked.tenant not in (None, who.tenant):
        raise Forbidden("tenant: this key reviews its own tenant only.", param="tenant")
    terms, values = ["1"], dict[str, object]()
    for name in ("action", "verdict", "stage", "policy", "request"):
        if (value := getattr(asked, name)) is not None:
            terms.append(f"r.{name} = :{name}")
            values[name] = value
    if (tenant := who.tenant or asked.tenant) is not None:
        terms.append("r.tenant = :tenant")
        values["tenant"] = tenant
    for kind in _MARKS:
        if (value := getattr(asked, kind)) is not None:
            terms.append(_marked(kind, f"value = :{kind}"))
            values[kind] = value
    if asked.category is not None:
        below = "(value = :category OR (value >= :category || '/' AND value < :category || '0'))"
        terms.append(_marked("category", below))
        values["category"] = asked.category
    if asked.revision is not None:
        terms.append("r.revision >= :revision AND r.revision < :revision || 'g'")
        values["revision"] = asked.revision
    if asked.state is not None:
        terms.append("c.id IS NULL" if asked.state == "none" else "c.state = :state")
        values["state"] = asked.state
    if asked.degraded is not None:
        terms.append("r.degraded = :degraded")
        values["degraded"] = int(asked.degraded)
    for name, sign in (("since_us", ">="), ("until_us", "<")):
        if (value := getattr(asked, name)) is not None:
            terms.append(f"r.time_us {sign} :{name}")
            values[name] = value
    source = "requests r" if asked.state is None else f"requests r {CASES}"
    return Chosen(source, " AND ".join(terms), values)


def find(connection: sqlite3.Connection, who: Reviewer, asked: RequestQuery) -> RequestPage:
    """Return one page of requests, newest first. Raises as `chosen`."""
    choice = chosen(who, asked)
    where, values = choice.where, choice.values
    if asked.cursor is not None:
        where += " AND r.idx < :cursor"
        values["cursor"] = asked.cursor
    sql = (
        "SELECT r.*, c.state, c.outcome AS decided FROM requests r LEFT JOIN cases c ON c.id = r.id "  # noqa: S608 - our own words
        f"WHERE {where} ORDER BY r.idx DESC LIMIT {asked.limit + 1:d}"
    )
    rows = connection.execute(sql, values).fetchall()
    shown = rows[: asked.limit]
    found = tuple(_row(connection, row) for row in shown)
    return RequestPage(found, shown[-1]["idx"] if len(rows) > asked.limit else None)


def facets(connection: sqlite3.Connection, who: Reviewer, asked: RequestQuery) -> tuple[Facet, ...]:
    """Return what the newest `MAX_FOUND` requests of a choice have most. Raises as `chosen`."""
    choice = chosen(who, asked)
    newest = (
        "SELECT r.idx, r.action, r.stage, r.tenant, r.policy "  # noqa: S608 - our own words
        f"FROM {choice.source} WHERE {choice.where} ORDER BY r.idx DESC LIMIT {MAX_FOUND}"
    )
    counted = [
        (name, f"SELECT {name} AS value, count(*) AS n FROM ({newest}) GROUP BY value")  # noqa: S608
        for name in ("action", "stage", "tenant")
    ]
    for kind in ("rule", "shadow", "category", "model"):
        joined = f"({newest}) f JOIN request_marks m ON m.idx = f.idx AND m.kind = '{kind}'"
        counted.append((kind, f"SELECT m.value, count(*) AS n FROM {joined} GROUP BY m.value"))  # noqa: S608
    return tuple(
        Facet(
            name,
            tuple(
                (row[0], row[1])
                for row in connection.execute(
                    f"{sql} ORDER BY n DESC, value LIMIT {_FACET_ROWS}", choice.values
                )
                if row[0]
            ),
        )
        for name, sql in counted
    )


def same_prompt(connection: sqlite3.Connection, who: Reviewer, case_id: str) -> tuple[RequestRow, ...]:
    """Return the newest other requests of the tenant whose prompt has the same words."""
    rows = connection.execute(
        "SELECT r.*, c.state, c.outcome AS decided FROM requests own "
        "JOIN request_marks p ON p.idx = own.idx AND p.kind = 'prompt' "
        "JOIN request_marks q ON q.kind = 'prompt' AND q.value = p.value AND q.idx <> p.idx "
        "JOIN requests r ON r.idx = q.idx AND r.tenant = own.tenant LEFT JOIN cases c ON c.id = r.id "
        "WHERE own.id = ? AND (?2 IS NULL OR own.tenant = ?2) ORDER BY r.idx DESC LIMIT 10",
        (case_id, who.tenant),
    ).fetchall()
    return tuple(_row(connection, row) for row in rows)


def _marked(kind: str, condition: str) -> str:
    return f"r.idx IN (SELECT idx FROM request_marks WHERE kind = '{kind}' AND {condition})"  # noqa: S608 - our own words


def _check(asked: RequestQuery) -> None:
    for name, words in _CHOICES.items():
        value = getattr(asked, name)
        if value is not None and value not in words:
            raise RequestInvalid(f"{name}: must be one of {', '.join(words)}.", param=name)
    for name in ("rule", "shadow", "category", "tenant", "policy", "model", "request"):
        value = getattr(asked, name)
        if value is not None and _WORD.fullmatch(value) is None:
            raise RequestInvalid(f"{name}: 1 to 128 printable characters.", param=name)
    if asked.revision is not None and _REVISION.fullmatch(asked.revision) is None:
        raise RequestInvalid("revision: 4 to 64 of 0-9 and a-f, as pages show it.", param="revision")
    if asked.since_us is not None and asked.until_us is not None and asked.since_us >= asked.until_us:
        raise RequestInvalid("since: must be before until.", param="since")
    if not 1 <= asked.limit <= MAX_FOUND:
        raise RequestInvalid(f"limit must be within 1 and {MAX_FOUND}", param="limit")


def _row(connection: sqlite3.Connection, row: sqlite3.Row) -> RequestRow:
    marks = marks_of(connection, row["idx"], ("rule", "shadow", "category"))
    return RequestRow(
        id=row["id"],
        time_us=row["time_us"],
        tenant=row["tenant"],
        request_id=row["request"],
        surface=row["surface"],
        outcome=row["outcome"],
        stage=row["stage"],
        action=row["action"],
        verdict=row["verdict"],
        degraded=bool(row["degraded"]),
        policy=row["policy"],
        revision=row["revision"],
        model=row["model"],
        pictures=row["pictures"],
        latency_us=row["latency_us"],
        decision=row["decision"],
        rules=marks["rule"],
        shadow=marks["shadow"],
        categories=marks["category"],
        state=row["state"],
        decided=row["decided"],
    )
