"""The one outbox of all webhooks: durable, at least once, retried later and later, dead letters on record.

Duty: rows → signed requests. Addresses come from the settings alone. How a request is sent is `posting`.

A receiver checks `x-imagegate-signature: t=<unix s>,v1=<hex>`: HMAC-SHA256 under the hook's secret over
`<t>.<body>`; it should refuse a `t` that is more than five minutes off, and an `id` that it has seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import orjson

from gateway.audit.record import new_id
from gateway.core.ports import AuditLog, Json, RecordDraft
from gateway.review.store import ReviewStore

EVENTS: Final = ("held", "released", "refused", "appeal")
_BACK_OFF_S: Final = (10, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200)
"""Waits between tries: eleven tries within about 28 hours."""
_AT_ONCE: Final = 20
_SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Hook:
    """One receiver: a name, an address, a secret; `tenant` None takes every tenant's events."""

    name: str
    url: str
    secret: bytes = field(repr=False)
    events: frozenset[str] = frozenset(EVENTS)
    tenant: str | None = None


class Post(Protocol):
    """Sends one request and returns its status. Follows no redirect.

    Raises:
        PostFailed: it could not be sent; the message holds no content.
    """

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send."""
        ...


class PostFailed(Exception):
    """A request could not be sent; `fault` is a word."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell: `subject` is what it is about (a ticket), `told` what the body says of it."""

    name: str
    tenant: str
    subject: str
    told: Mapping[str, Json]


def _now_us() -> int:
    return time.time_ns() // 1000


class Outbox:
    """Puts events where they survive a crash, and sends what is due."""

    def __init__(
        self,
        store: ReviewStore,
        hooks: Sequence[Hook],
        post: Post,
        log: AuditLog,
        *,
        clock_us: Callable[[], int] = _now_us,
    ) -> None:
        self._store = store
        self._hooks = {hook.name: hook for hook in hooks}
        self._post = post
        self._log = log
        self._clock_us = clock_us

    def put(self, connection: sqlite3.Connection, event: Event) -> None:
        """Add an event in the transaction of what it tells; the same event about one thing only once."""
        now = self._clock_us()
        for hook in self._hooks.values():
            if event.name not in hook.events or hook.tenant not in (None, event.tenant):
                continue
            event_id = new_id()
            body = orjson.dumps(
                {"id": event_id, "event": event.name, "created": now // _SECOND_US, "data": dict(event.told)}
            )
            connection.execute(
                "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 'waiting', NULL)",
                (event_id, hook.name, event.name, event.tenant, event.subject, body, now, now),
            )

    async def send_due(self) -> int:
        """Send what is due; return how much was tried.

        Raises:
            StorageUnavailable, AuditUnavailable: it could not be noted; it will be sent again.
        """
        now = self._clock_us()
        rows = await self._store.read(
            lambda c: c.execute(
                "SELECT * FROM outbox WHERE state = 'waiting' AND next_us <= ? ORDER BY next_us LIMIT ?",
                (now, _AT_ONCE),
            ).fetchall()
        )
        for row in rows:
            fault = await self._sent(row)
            if fault is None:
                await self._note(row, "sent", None)
            elif row["attempts"] >= len(_BACK_OFF_S):
                await self._dead(row, fault)
            else:
                await self._note(row, "waiting", fault)
        return len(rows)

    async def _sent(self, row: sqlite3.Row) -> str | None:
        """Why it was not taken; None when it was."""
        hook = self._hooks.get(row["hook"])
        if hook is None:
            return "no such hook any more"
        stamp = self._clock_us() // _SECOND_US
        headers = {
            "content-type": "application/json",
            "x-imagegate-event": row["event"],
            "x-imagegate-signature": f"t={stamp},v1={signature(hook.secret, stamp, row['body'])}",
        }
        try:
            status = await self._post(hook.url, row["body"], headers)
        except PostFailed as failed:
            return failed.fault
        return None if 200 <= status < 300 else f"status {status}"

    async def _note(self, row: sqlite3.Row, state: str, fault: str | None) -> None:
        attempts = row["attempts"] + 1
        wait_s = _BACK_OFF_S[min(attempts, len(_BACK_OFF_S)) - 1]
        values = (state, attempts, self._clock_us() + wait_s * _SECOND_US, fault, row["id"])
        await self._store.write(
            lambda c: (
                c.execute(
                    "UPDATE outbox SET state = ?, attempts = ?, next_us = ?, fault = ? WHERE id = ?", values
                ).rowcount
            )
        )

    async def _dead(self, row: sqlite3.Row, fault: str) -> None:
        """Nobody will try it again: that is on record before it counts."""
        told = {
            "event": "webhook given up",
            "hook": row["hook"],
            "webhook_event": row["event"],
            "fault": fault,
        }
        draft = RecordDraft("config", new_id(), {**told, "subject": row["subject"]}, None, row["tenant"])
        await _durable(self._log, draft)
        await self._note(row, "dead", fault)


def signature(secret: bytes, stamp: int, body: bytes) -> str:
    """Return the hex HMAC-SHA256 over `<stamp>.<body>`."""
    return hmac.new(secret, str(stamp).encode() + b"." + body, hashlib.sha256).hexdigest()


async def _durable(log: AuditLog, draft: RecordDraft) -> None:
    await asyncio.wrap_future(log.append(draft))
