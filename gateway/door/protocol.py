"""One HTTP connection with bounds: uvicorn's protocol on httptools, and around it what it leaves unbounded.

Duty: count a head while it comes, hold each part of a request to its time, queue few pipelined requests, drop
what nobody asked for, and cut off who takes nothing of an answer. It knows no route. Of uvicorn's class it
uses `parser`, `url`, `headers`, `cycle`, `pipeline`, `flow`, `transport`, `server_state` and the parser's
callbacks.
"""

from __future__ import annotations

import asyncio
import math
from enum import Enum, auto
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.core.errors import GatewayError, HeadTooLarge, Overloaded, RequestInvalid
from gateway.door.raw import raw_problem
from gateway.door.register import Door, Reason, address_of

LINGER_S: Final = 2.0
"""How long a refused peer is still read, so that a reset does not take the refusal away from it."""
LINGER_BYTES: Final = 1_000_000
LINGER_BODY_S: Final = 10.0
"""How long the rest of a body may come that nobody reads, before the connection can be used again."""
LINGER_BODY_BYTES: Final = 40_000_000
TAKEN_BYTES: Final = 1_000_000
"""What a peer must take of its answer, or all of it, in each `write_timeout_s`."""
DRAIN_WRITE_S: Final = 5.0
"""The same while the server stops."""
WIRE_SLACK_BYTES: Final = 512_000
"""A body may have as many bytes of framing as of content, and these."""
_RETRY_S: Final = 1.0
_TOLD: Final = frozenset({Reason.FULL, Reason.ADDRESS_FULL, Reason.HEAD_TOO_LARGE, Reason.MALFORMED})
"""Refusals that an answer goes with."""


class _Phase(Enum):
    """Where a connection stands."""

    HEAD = auto()  # waits for a head, or reads one
    BUSY = auto()  # a request is worked on or answered
    UNREAD_BODY = auto()  # answered, and the rest of its body is still coming
    LEAVING = auto()  # refused or closed by us; what still comes is thrown away


class _Stop(Exception):
    """Leaves the parser from inside one of its callbacks."""


class DoorProtocol(HttpToolsProtocol):
    """One connection; uvicorn makes one for each."""

    def __init__(self, *, door: Door, **rest: Any) -> None:
        super().__init__(**rest)
        self.address = ""
        self._door = door
        self._phase = _Phase.HEAD
        self._deadline, self._late = math.inf, Reason.NO_REQUEST
        self._last: Reason | None = None
        """Set once nothing more is read; what is under way is answered, then the connection is closed."""
        self._refused: tuple[GatewayError, Reason] | None = None
        self._in_head, self._begun = True, False
        self._boundary = False  # a message began or ended within this read
        self._head_bytes = self._wire_bytes = self._body_bytes = self._dropped_bytes = 0
        self._unread: tuple[float, int] | None = None

    # --- as the register sees it -----------------------------------------------------------------------

    def make_room(self) -> None:
        """See `Connection`."""
        self._leave(Reason.MADE_ROOM)

    def look(self, now: float) -> None:
        """Close if a deadline has passed, or if nothing of the answer is taken any more."""
        # While writing is paused, or no request is worked on, nothing is added to what waits to be taken.
        waits = self.flow.write_paused or self._phase is not _Phase.BUSY
        left_bytes: int = self.transport.get_write_buffer_size() if waits else 0
        if left_bytes and self._phase is _Phase.LEAVING:
            self._deadline = now + LINGER_S  # counted from when all is taken
        if now >= self._deadline:
            if self._phase is _Phase.LEAVING:
                self.transport.abort()
            else:
                self._leave(self._late)
        elif not left_bytes:
            self._unread = None
        elif self._unread is None or self._unread[1] - left_bytes >= TAKEN_BYTES:
            self._unread = (now, left_bytes)
        elif now - self._unread[0] >= (DRAIN_WRITE_S if self._door.draining else self._door.limits.write_s):
            self._abort(Reason.UNREAD)

    # --- as the transport sees it ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it in, or turn it away."""
        super().connection_made(transport)
        self.address = address_of(self.client[0] if self.client else "")
        self._wait(self._door.limits.first_byte_s, Reason.NO_REQUEST)
        reason = self._door.enter(self)
        if reason is not None:
            self._refuse(Overloaded("Too many connections; try again soon.", retry_after_s=_RETRY_S), reason)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._door.gone(self)
        self._phase = _Phase.LEAVING
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what does not end."""
        if self._phase is _Phase.LEAVING:
            self._drop(len(data), LINGER_BYTES)
            return
        if self._last is not None:
            self.flow.pause_reading()
            return
        self._boundary = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish(Reason.MALFORMED)  # nothing is upgraded here, and what follows is not HTTP
        except httptools.HttpParserError:
            self._stopped()
        else:
            self._count(len(data))

    def resume_writing(self) -> None:
        """What waited was taken."""
        self._unread = None
        super().resume_writing()

    def shutdown(self) -> None:
        """The server stops: only a request that is all there is waited for."""
        if self._phase is _Phase.BUSY and self.cycle.more_body:
            self.cycle.keep_alive = False
            self._deadline, self._late = self.loop.time() + LINGER_S, Reason.STOPPING
        elif self._phase is _Phase.BUSY:
            self._finish(Reason.STOPPING)
        elif self._phase is not _Phase.LEAVING:
            self._leave(Reason.STOPPING)

    # --- as the parser sees it -------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin to count a head; stop when too many requests wait already."""
        if len(self.pipeline) >= self._door.limits.pipelined:
            raise _Stop
        self._begun, self._boundary, self._head_bytes = True, True, 0
        if self._phase is _Phase.HEAD:
            self._deadline, self._late = self.loop.time() + self._door.limits.head_s, Reason.SLOW_HEAD
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Check the head, then hand the request on."""
        limits = self._door.limits
        size_bytes = len(self.url) + sum([len(name) + len(value) for name, value in self.headers])
        if size_bytes > limits.head_bytes or len(self.headers) > limits.headers:
            self._refused = self._too_large()
            raise _Stop
        super().on_headers_complete()
        self.headers = []  # trailers go nowhere: the request's own headers are what was checked
        self._in_head, self._boundary = False, True
        self._wire_bytes = self._body_bytes = 0
        if self._phase is _Phase.HEAD:
            self._phase, self._deadline = _Phase.BUSY, math.inf
            self._door.works(self)

    def on_body(self, body: bytes) -> None:
        """Count what is content."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """From here on the next head may come."""
        super().on_message_complete()
        self._in_head, self._begun, self._boundary, self._head_bytes = True, False, True, 0
        if self._phase is _Phase.UNREAD_BODY:
            self._wait(self._door.limits.idle_s, Reason.IDLE)
        else:
            self._deadline = math.inf

    # --- as the answer sees it -------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """Go on with what was pipelined, wait for the next request, or close."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():  # what is not taken yet is still watched
            self._phase, self._deadline = _Phase.LEAVING, math.inf
        elif self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._last is not None:
            self._leave(self._last)
        elif self.cycle.more_body:
            self.flow.resume_reading()
            self._phase, self._dropped_bytes = _Phase.UNREAD_BODY, 0
            self._deadline, self._late = self.loop.time() + LINGER_BODY_S, Reason.BODY_UNREAD
        else:
            self.flow.resume_reading()
            limits = self._door.limits
            self._wait(*(limits.head_s, Reason.SLOW_HEAD) if self._begun else (limits.idle_s, Reason.IDLE))

    # --- counting --------------------------------------------------------------------------------------

    def _count(self, size_bytes: int) -> None:
        """Count a read; one within which a message began or ended is bounded by itself."""
        within = 0 if self._boundary else size_bytes
        if self._phase is _Phase.UNREAD_BODY:
            self._drop(within, LINGER_BODY_BYTES)
        elif self._in_head:
            self._head_bytes += within
            if self._head_bytes > self._door.limits.head_bytes:
                self._refuse(*self._too_large())
        else:
            self._wire_bytes += within
            if self._wire_bytes > 2 * self._body_bytes + WIRE_SLACK_BYTES:
                self._refuse(RequestInvalid("The body is mostly framing."), Reason.MALFORMED)

    def _drop(self, size_bytes: int, most_bytes: int) -> None:
        self._dropped_bytes += size_bytes
        if self._dropped_bytes > most_bytes:
            self._abort(Reason.BODY_UNREAD)

    def _too_large(self) -> tuple[GatewayError, Reason]:
        limits = self._door.limits
        error = HeadTooLarge(
            "The request's head is too large: "
            f"at most {limits.head_bytes} bytes and {limits.headers} headers are taken."
        )
        return error, Reason.HEAD_TOO_LARGE

    # --- ends ------------------------------------------------------------------------------------------

    def _wait(self, for_s: float, late: Reason) -> None:
        """Wait for a head."""
        self._phase, self._deadline, self._late = _Phase.HEAD, self.loop.time() + for_s, late
        self._door.waits(self)

    def _stopped(self) -> None:
        """The parser can't go on: a head is too large, more is pipelined than is taken, or it is no HTTP."""
        if self._refused is not None:
            self._refuse(*self._refused)
        elif len(self.pipeline) >= self._door.limits.pipelined:
            self._finish(Reason.PIPELINED)
        else:
            self._refuse(RequestInvalid("This is no HTTP request that can be read."), Reason.MALFORMED)

    def _refuse(self, error: GatewayError, reason: Reason) -> None:
        """Answer with the error and close; what is under way before it is answered first."""
        if self._phase is _Phase.BUSY and not self.cycle.more_body:
            self._finish(reason)
            return
        if self._phase is _Phase.BUSY:  # its own body is at fault: nobody reads it to the end
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self._phase is _Phase.HEAD or not self.cycle.response_started:
            self.transport.write(raw_problem(error))
        self._leave(reason)

    def _finish(self, reason: Reason) -> None:
        """Read nothing more; answer what is under way, then close."""
        self._last = reason
        self.flow.pause_reading()
        if not self.pipeline:
            self.cycle.keep_alive = False

    def _leave(self, reason: Reason) -> None:
        """Send what is written, then close, within a moment."""
        self._phase, self._dropped_bytes = _Phase.LEAVING, 0
        self._deadline = self.loop.time() + LINGER_S
        if not self._door.closing(self, reason):
            self.transport.abort()
        elif reason in _TOLD and self.transport.can_write_eof():
            self.transport.write_eof()  # and go on reading: a reset would take the answer away
            self.flow.resume_reading()
        else:
            self.transport.close()

    def _abort(self, reason: Reason) -> None:
        """Close at once, whatever is still to be sent."""
        self._door.closing(self, reason)
        self.transport.abort()
