"""Every open connection: how many there may be, which one makes room, and whose time is over.

Duty: count, choose and look at the clock once in a while. It reads no byte and knows no HTTP. One event loop,
so no locks.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from gateway.door.limits import DoorLimits

MAX_LEAVING: Final = 100
"""Connections that were refused and are still being read for a moment, so that the refusal arrives."""
_TICK_S: Final = 1.0
_PART_OF_A_LIMIT: Final = 4


class Reason(StrEnum):
    """Why the door closed a connection, or did not let it in."""

    FULL = "full"
    ADDRESS_FULL = "address_full"
    MADE_ROOM = "made_room"
    NO_REQUEST = "no_request"
    SLOW_HEAD = "slow_head"
    IDLE = "idle"
    HEAD_TOO_LARGE = "head_too_large"
    MALFORMED = "malformed"
    PIPELINED = "pipelined"
    BODY_UNREAD = "body_unread"
    UNREAD = "unread"
    STOPPING = "stopping"


class Connection(Protocol):
    """What the register needs to know of one."""

    @property
    def address(self) -> str:
        """Whose it is; see `address_of`."""
        ...

    def make_room(self) -> None:
        """Close, because another one needs the place."""
        ...

    def look(self, now: float) -> None:
        """Close if its time is over."""
        ...


class Door:
    """The register of one server."""

    def __init__(self, limits: DoorLimits, *, on_closed: Callable[[Reason], None]) -> None:
        self.limits = limits
        self.draining = False
        self._on_closed = on_closed
        self._inside: set[Connection] = set()
        self._leaving: set[Connection] = set()
        self._by_address: Counter[str] = Counter()
        self._waiting: dict[str, dict[Connection, None]] = {}
        """By address, those without a request under way, the longest first."""
        self._tick: asyncio.TimerHandle | None = None
        self._held_up = False
        times_s = (limits.first_byte_s, limits.head_s, limits.idle_s, limits.write_s)
        self._tick_s = min(_TICK_S, min(times_s) / _PART_OF_A_LIMIT)

    @property
    def connections(self) -> int:
        """How many are open, those that are being turned away included."""
        return len(self._inside) + len(self._leaving)

    def enter(self, connection: Connection) -> Reason | None:
        """Take a new connection in, closing one that waits if there is no room; a reason is a refusal."""
        reason = self._refusal(connection.address)
        if reason is None:
            self._inside.add(connection)
            self._by_address[connection.address] += 1
            self.waits(connection)
        else:
            self._on_closed(reason)
        return reason

    def waits(self, connection: Connection) -> None:
        """It has no request under way from now on, and may have to make room."""
        if connection in self._inside:
            self._waiting.setdefault(connection.address, {})[connection] = None

    def works(self, connection: Connection) -> None:
        """It has one."""
        waiting = self._waiting.get(connection.address)
        if waiting is not None:
            waiting.pop(connection, None)
            if not waiting:
                del self._waiting[connection.address]

    def closing(self, connection: Connection, reason: Reason) -> bool:
        """Count the closing and give up its place; False: too many are leaving, so it must go at once."""
        if connection in self._inside:
            self._on_closed(reason)
            self._out(connection)
        if len(self._leaving) >= MAX_LEAVING:
            return False
        self._leaving.add(connection)
        return True

    def gone(self, connection: Connection) -> None:
        """Forget a connection that is closed. Idempotent."""
        self._out(connection)
        self._leaving.discard(connection)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at all connections from now on, about once a second."""
        self._tick = loop.call_later(self._tick_s, self._look, loop, loop.time() + self._tick_s)

    def stop_watching(self) -> None:
        """End it. Idempotent."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def begin_drain(self) -> None:
        """From now on who takes nothing of its answer is not waited for. Idempotent."""
        self.draining = True

    def _refusal(self, address: str) -> Reason | None:
        if self._by_address.get(address, 0) >= self.limits.connections_per_address:
            return None if self._make_room(of=address) else Reason.ADDRESS_FULL
        if len(self._inside) >= self.limits.connections:
            return None if self._make_room(of=None) else Reason.FULL
        return None

    def _out(self, connection: Connection) -> None:
        if connection in self._inside:
            self._inside.remove(connection)
            self.works(connection)
            self._by_address[connection.address] -= 1
            if not self._by_address[connection.address]:
                del self._by_address[connection.address]

    def _make_room(self, *, of: str | None) -> bool:
        """Close the one that has waited longest: of this address, or of the address that has the most."""
        address = of or max(self._waiting, key=self._by_address.__getitem__, default="")
        oldest = next(iter(self._waiting.get(address, ())), None)
        if oldest is not None:
            oldest.make_room()
        return oldest is not None

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        # When the loop was held up, what came meanwhile is not read yet: nobody is late because we were.
        self._held_up = now - due > self._tick_s and not self._held_up
        if not self._held_up:
            for connection in (*self._inside, *self._leaving):
                connection.look(now)
        self.watch(loop)


def address_of(peer: str) -> str:
    """Return what counts as one address: an IPv4 address, or a /64 of IPv6, which one host has wholly."""
    if ":" not in peer:
        return peer
    try:
        address = ipaddress.IPv6Address(peer.partition("%")[0])
    except ValueError:
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
