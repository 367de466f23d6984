"""Who is signed in: sessions in the review database, and how often an address failed.

Duty: tokens, expiry, counting. A session is found by the hash of its token; the token itself is in the
reviewer's cookie alone. It knows no page.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import sqlite3
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.core.errors import QuotaExceeded
from gateway.core.requests import Caller
from gateway.review.store import ReviewStore

_SECOND_US: Final = 1_000_000
IDLE_S: Final = 3600
LONGEST_S: Final = 12 * 3600
_SEEN_EVERY_S: Final = 60
_MOST_FAILURES: Final = 5
_FAILURES_WITHIN_S: Final = 900.0
_MAX_ADDRESSES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in reviewer: the key's id and the token that each of its forms must carry."""

    id_sha256: str
    key_id: str
    csrf: str

    def vouches(self, token: str) -> bool:
        """Whether a form's token is this session's, in constant time."""
        return hmac.compare_digest(token.encode(errors="replace"), self.csrf.encode())


class Sessions:
    """Sessions of one database: an hour without use or twelve hours in all end one."""

    def __init__(self, store: Callable[[], ReviewStore], *, clock_us: Callable[[], int]) -> None:
        self._store = store
        self._clock_us = clock_us

    async def begin(self, caller: Caller) -> str:
        """Return the token of a new session, and forget those that are over."""
        token, now = secrets.token_urlsafe(32), self._clock_us()
        row = (
            _hash(token),
            caller.actor,
            caller.role,
            caller.tenant,
            secrets.token_urlsafe(32),
            now,
            now,
            now + LONGEST_S * _SECOND_US,
        )

        def change(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM sessions WHERE expires_us <= ?", (now,))
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

        await self._store().write(change)
        return token

    async def find(self, token: str | None) -> Session | None:
        """Return the session of a token that is still good, or None; using it keeps it alive."""
        if not token or len(token) > 128:
            return None
        known, now = _hash(token), self._clock_us()
        row = await self._store().read(
            lambda c: c.execute("SELECT * FROM sessions WHERE id_sha256 = ?", (known,)).fetchone()
        )
        if row is None or now >= row["expires_us"] or now - row["seen_us"] > IDLE_S * _SECOND_US:
            return None
        if now - row["seen_us"] > _SEEN_EVERY_S * _SECOND_US:
            await self._store().write(
                lambda c: (
                    c.execute("UPDATE sessions SET seen_us = ? WHERE id_sha256 = ?", (now, known)).rowcount
                )
            )
        return Session(known, row["reviewer"], row["csrf"])

    async def end(self, session: Session) -> None:
        """Sign out: the token is worth nothing from now on, and its reviewer's cases are free."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM sessions WHERE id_sha256 = ?", (session.id_sha256,))
            connection.execute("DELETE FROM locks WHERE reviewer = ?", (session.key_id,))

        await self._store().write(change)


class Attempts:
    """Failed sign-ins per address (IPv6: per /64): five in fifteen minutes, then it has to wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()
        self.total = 0
        """Failures since the start, for metrics."""

    def check(self, address: str) -> None:
        """Raises QuotaExceeded: too many failures; it says when to try again."""
        times = self._recent(_network(address))
        if len(times) >= _MOST_FAILURES:
            wait_s = times[0] + _FAILURES_WITHIN_S - self._clock()
            raise QuotaExceeded(
                f"Too many failed sign-ins from this address; try again in {max(1, round(wait_s / 60))} min.",
                retry_after_s=max(1.0, wait_s),
            )

    def failed(self, address: str) -> None:
        """Count one failure."""
        network = _network(address)
        times = self._recent(network)
        times.append(self._clock())
        self._failed[network] = times
        self._failed.move_to_end(network)
        self.total += 1
        while len(self._failed) > _MAX_ADDRESSES:
            self._failed.popitem(last=False)

    def _recent(self, network: str) -> deque[float]:
        times = self._failed.get(network) or deque()
        while times and self._clock() - times[0] >= _FAILURES_WITHIN_S:
            times.popleft()
        return times


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
