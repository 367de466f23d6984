"""Numbers over a choice of requests: how many over time, what people said of each rule, how old the queue is.

Duty: counts in SQL, intervals in arithmetic. It draws nothing.
"""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass, replace
from typing import Final

from gateway.review.finding import CASES, Chosen, RequestQuery, chosen
from gateway.review.types import Reviewer

_BUCKETS: Final = 48
_MINUTE_US: Final = 60_000_000
_HOUR_US: Final = 60 * _MINUTE_US
_STEPS_US: Final = tuple(
    minutes * _MINUTE_US for minutes in (1, 5, 15, 60, 180, 360, 720, 1440, 7 * 1440, 30 * 1440)
)
_Z95: Final = 1.959964
"""The normal distribution's 97.5 % point."""
_MILDER: Final = {
    "block": ("allow", "rewrite"),
    "hold": ("allow", "rewrite"),
    "rewrite": ("allow",),
    "redact": ("allow",),
    "regenerate": ("allow",),
}


@dataclass(frozen=True, slots=True)
class Bucket:
    """Requests that ended from `start_us` on for one step, by the action carried out."""

    start_us: int
    actions: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.actions.values())


@dataclass(frozen=True, slots=True)
class RuleNumbers:
    """What people said of decided cases in which a rule matched.

    `upheld`: the action was right; `too_strict`: a milder one was; `too_mild`: a stricter one was. `low` and
    `high` bound the rule's precision, (upheld + too mild) of reviewed, with 95 % (Wilson's interval).
    """

    rule: str
    matched: int
    reviewed: int
    upheld: int
    too_strict: int
    too_mild: int
    precision: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything that the page of numbers shows. `before` counts the period of the same length before."""

    step_us: int
    buckets: tuple[Bucket, ...]
    actions: dict[str, int]
    before: dict[str, int] | None
    rules: tuple[RuleNumbers, ...]
    ages: dict[str, int]
    latency_p50_us: int | None
    latency_p95_us: int | None


def numbers(connection: sqlite3.Connection, who: Reviewer, asked: RequestQuery, now_us: int) -> Numbers:
    """Return the numbers of a choice. Raises as `gateway.review.finding.chosen`."""
    choice = chosen(who, asked)
    first = asked.since_us
    if first is None:
        earliest = f"SELECT min(r.time_us) FROM {choice.source} WHERE {choice.where}"  # noqa: S608 - our own words
        found = connection.execute(earliest, choice.values)
        first = found.fetchone()[0] or now_us
    last = asked.until_us or now_us
    step = next((step for step in _STEPS_US if (last - first) / step <= _BUCKETS), _STEPS_US[-1])
    actions = _by_action(connection, choice)
    before = None
    if asked.since_us is not None:
        earlier = replace(asked, since_us=asked.since_us - (last - asked.since_us), until_us=asked.since_us)
        before = _by_action(connection, chosen(who, earlier))
    total = sum(actions.values())
    return Numbers(
        step_us=step,
        buckets=_buckets(connection, choice, first, last, step),
        actions=actions,
        before=before,
        rules=_rules(connection, choice),
        ages=_ages(connection, who, now_us),
        latency_p50_us=_latency(connection, choice, total, 0.50),
        latency_p95_us=_latency(connection, choice, total, 0.95),
    )


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval for a share of `hits` in `of` > 0 (Wilson 1927)."""
    share, z2 = hits / of, _Z95**2
    middle = share + z2 / (2 * of)
    spread = _Z95 * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, (middle - spread) / (1 + z2 / of)), min(1.0, (middle + spread) / (1 + z2 / of))


def _by_action(connection: sqlite3.Connection, choice: Chosen) -> dict[str, int]:
    sql = f"SELECT r.action, count(*) FROM {choice.source} WHERE {choice.where} GROUP BY r.action"  # noqa: S608 - our own words
    return {row[0]: row[1] for row in connection.execute(sql, choice.values)}


def _buckets(
    connection: sqlite3.Connection, choice: Chosen, first_us: int, last_us: int, step_us: int
) -> tuple[Bucket, ...]:
    sql = (
        f"SELECT r.time_us / :step * :step AS start, r.action, count(*) AS n FROM {choice.source} "  # noqa: S608 - our own words
        f"WHERE {choice.where} GROUP BY start, r.action"
    )
    counted: dict[int, dict[str, int]] = {}
    for row in connection.execute(sql, {**choice.values, "step": step_us}):
        counted.setdefault(row["start"], {})[row["action"]] = row["n"]
    starts = range(first_us // step_us * step_us, max(last_us, first_us + 1), step_us)
    return tuple(Bucket(start, counted.get(start, {})) for start in starts)


def _rules(connection: sqlite3.Connection, choice: Chosen) -> tuple[RuleNumbers, ...]:
    sql = (
        f"SELECT m.value AS rule, r.action, c.state, c.outcome, count(*) AS n "  # noqa: S608 - our own words
        f"FROM request_marks m CROSS JOIN requests r ON r.idx = m.idx {CASES} "  # this order: rules match few
        f"WHERE m.kind = 'rule' AND {choice.where} GROUP BY m.value, r.action, c.state, c.outcome"
    )
    tally: dict[str, list[int]] = {}
    for row in connection.execute(sql, choice.values):
        counts = tally.setdefault(row["rule"], [0, 0, 0, 0])
        counts[0] += row["n"]
        place = _place(row["action"], row["outcome"]) if row["state"] == "decided" else None
        if place is not None:
            counts[place] += row["n"]
    found = [_rule(rule, *counts) for rule, counts in tally.items()]
    return tuple(sorted(found, key=lambda each: (-each.reviewed, -each.matched, each.rule)))


def _place(action: str, outcome: str | None) -> int | None:
    """1 upheld, 2 too strict, 3 too mild; None: no person decided it."""
    if outcome in ("confirm", "refuse"):
        return 1
    if outcome == "release":
        return 2
    if outcome is not None and outcome.startswith("overturn "):
        return 2 if outcome.removeprefix("overturn ") in _MILDER.get(action, ()) else 3
    return None


def _rule(rule: str, matched: int, upheld: int, too_strict: int, too_mild: int) -> RuleNumbers:
    reviewed = upheld + too_strict + too_mild
    right = upheld + too_mild
    low, high = wilson(right, reviewed) if reviewed else (0.0, 1.0)
    precision = right / reviewed if reviewed else 0.0
    return RuleNumbers(rule, matched, reviewed, upheld, too_strict, too_mild, precision, low, high)


def _ages(connection: sqlite3.Connection, who: Reviewer, now_us: int) -> dict[str, int]:
    row = connection.execute(
        "SELECT sum(opened_us > :day) AS day, sum(opened_us <= :day AND opened_us > :two) AS two, "
        "sum(opened_us <= :two) AS older FROM cases "
        "WHERE state <> 'decided' AND (:tenant IS NULL OR tenant = :tenant)",
        {"day": now_us - 24 * _HOUR_US, "two": now_us - 48 * _HOUR_US, "tenant": who.tenant},
    ).fetchone()
    return {
        "under 24 hours": row["day"] or 0,
        "24 to 48 hours": row["two"] or 0,
        "over 48 hours": row["older"] or 0,
    }


def _latency(connection: sqlite3.Connection, choice: Chosen, total: int, share: float) -> int | None:
    if total == 0:
        return None
    ordered = f"FROM {choice.source} WHERE {choice.where} ORDER BY r.latency_us"
    sql = f"SELECT r.latency_us {ordered} LIMIT 1 OFFSET :at"
    at = min(total - 1, math.ceil(total * share) - 1)
    row = connection.execute(sql, {**choice.values, "at": at}).fetchone()
    return None if row is None else int(row[0])
