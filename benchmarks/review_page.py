"""How long the review page's queries take: `python benchmarks/review_page.py [REQUESTS]`.

It fills a review database with made-up requests (100,000 unless a number is given; a fifth are cases) and
prints, per question, the median and the 95th percentile of 20 askings in ms. The log is not read.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gateway.review import queries
from gateway.review.finding import RequestQuery, facets, find
from gateway.review.numbers import numbers
from gateway.review.schema import connect_writer, migrate
from gateway.review.types import QueueQuery, Reviewer

ACTIONS = ["allow"] * 80 + ["block"] * 10 + ["rewrite"] * 8 + ["hold", "redact"]
RULES = [f"rule-{number}" for number in range(30)]
TENANTS = ["shop", "news", "games"]
LEAD, ANN = Reviewer("key_lead", lead=True, tenant=None), Reviewer("key_ann", lead=False, tenant="shop")
WEEK_US = 7 * 86_400_000_000
TIMES = 20


def main() -> None:
    """Fill, ask, print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        connection = connect_writer(Path(folder) / "review.sqlite")
        migrate(connection)
        now = fill(connection, count)
        week = RequestQuery(since_us=now - WEEK_US)
        asked: dict[str, Callable[[], Any]] = {
            "queue, a lead": lambda: queries.page(connection, LEAD, QueueQuery(), now),
            "queue, a tenant": lambda: queries.page(connection, ANN, QueueQuery(), now),
            "queue counts": lambda: queries.counts(connection, LEAD, now),
            "explorer, all": lambda: find(connection, LEAD, RequestQuery()),
            "explorer, a rule": lambda: find(connection, LEAD, RequestQuery(rule="rule-7")),
            "explorer, a tenant's blocks": lambda: find(connection, ANN, RequestQuery(action="block")),
            "facets, all": lambda: facets(connection, LEAD, RequestQuery()),
            "facets, a rule": lambda: facets(connection, LEAD, RequestQuery(rule="rule-7")),
            "numbers, a week": lambda: numbers(connection, LEAD, week, now),
            "numbers, all": lambda: numbers(connection, LEAD, RequestQuery(), now),
        }
        print(f"{count} requests; ms: median, 95th percentile")
        for name, ask in asked.items():
            took = sorted(timed(ask) for _ in range(TIMES))
            print(f"{name:30} {statistics.median(took):8.1f} {took[int(TIMES * 0.95) - 1]:8.1f}")
        connection.close()


def timed(ask: Callable[[], Any]) -> float:
    """Milliseconds of one asking."""
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


def fill(connection: sqlite3.Connection, count: int) -> int:
    """Write the requests; return the time after the last, µs."""
    chance = random.Random(18)
    start = time.time_ns() // 1000 - 30 * 86_400_000_000
    step = 30 * 86_400_000_000 // count
    rows = [_request(chance, index, start + index * step) for index in range(count)]
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO requests VALUES ({','.join('?' * 19)})", rows)
    connection.executemany(
        "INSERT OR IGNORE INTO request_marks VALUES (?, ?, ?)",
        (m for row in rows for m in _marks(chance, row)),
    )
    connection.executemany(
        "INSERT INTO cases VALUES (?, ?, ?, 'general', ?, ?, 0, ?, ?, NULL, 0, NULL, ?, 0, NULL)",
        (_case(chance, row) for row in rows if row[8] != "allow"),
    )
    connection.execute("COMMIT")
    return start + count * step


def _request(chance: random.Random, index: int, at: int) -> tuple[Any, ...]:
    action = chance.choice(ACTIONS)
    tenant = chance.choice(TENANTS)
    known = (f"d{index}", f"f{index}", 0)
    latency = chance.randrange(1_000, 900_000)
    return (
        f"c{index}", index, at, tenant, f"req{index}", "http", "delivered", "prompt", action, action, 0,
        "default", "ab" * 32, "emoji", 1, latency, *known,
    )  # fmt: skip


def _marks(chance: random.Random, row: tuple[Any, ...]) -> Iterator[tuple[str, str, int]]:
    yield "stage", "prompt", row[1]
    yield "model", "emoji", row[1]
    yield "prompt", f"{chance.randrange(50_000):016x}", row[1]
    if row[8] != "allow":
        yield "rule", chance.choice(RULES), row[1]
        yield "category", chance.choice(("violence", "sexual", "hate", "profanity")), row[1]


def _case(chance: random.Random, row: tuple[Any, ...]) -> tuple[Any, ...]:
    ground, rank = {"hold": ("held", 0), "block": ("blocked", 2)}.get(row[8], ("rewritten", 3))
    decided = chance.random() < 0.3
    outcome = chance.choice(("confirm", "confirm", "overturn allow")) if decided else None
    return (row[0], row[1], row[3], ground, rank, "decided" if decided else "open", row[2], outcome)


if __name__ == "__main__":
    main()
