"""Connections that hold on: who makes room, who is closed, who is not waited for, at the real server."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from support.door import Peer, RunningDoor, running_door
from support.service import ScriptedService, delivered, image

from gateway.core.outcomes import Delivered
from gateway.core.requests import ImageRequest

IMAGES = "/v1/images/generations"
APPLE = b'{"prompt": "a red apple", "n": 4}'
LARGE = b"\x89PNG\r\n\x1a\n" + bytes(8_000_000)
"""More than the kernel keeps for two sockets that were told to keep little."""


def _large(request: ImageRequest) -> Delivered:
    images = tuple(image(index, LARGE, request) for index in range(request.n))
    return replace(delivered(request), images=images)


def _waiting_service(go: threading.Event) -> ScriptedService:
    service = ScriptedService()

    async def wait(request: ImageRequest) -> Delivered:
        await asyncio.to_thread(go.wait)
        return delivered(request)

    service.answer = wait
    return service


def _works(peer: Peer) -> bool:
    peer.ask()
    return peer.answer().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [(b"", "no_request"), (b"\r\n", "no_request"), (b"GET / HTTP/1.1\r\nHo", "slow_head")],
    ids=["nothing", "empty lines", "half a head"],
)
def test_who_sends_no_request_is_closed(sent: bytes, reason: str) -> None:
    """A connection without a whole head is closed without a word, and counted by how far it came."""
    with running_door(first_byte_timeout_s=0.3, head_timeout_s=0.3) as door:
        peer = door.peer()
        peer.send(sent)
        assert peer.rest() == b""
        assert door.closed(reason) == 1
        door.until(lambda: door.server.door.connections == 0)


def test_a_dripping_head_is_closed() -> None:
    """Bytes that keep coming do not make a head's time longer."""
    with running_door(head_timeout_s=0.5) as door:
        peer = door.peer()
        peer.send(b"GET /healthz HTTP/1.1\r\nx: ")
        door.until(lambda: peer.send(b"v") or door.closed("slow_head") == 1)


def test_who_asks_nothing_more_is_closed() -> None:
    """A connection that was answered is kept for a while, not for ever."""
    with running_door(idle_timeout_s=0.3) as door:
        peer = door.peer()
        assert _works(peer)
        assert peer.rest() == b""
        assert door.closed("idle") == 1


def test_silent_connections_lock_nobody_out() -> None:
    """With every place of an address taken, its own oldest silent connection makes room, nobody else's."""
    with running_door(max_connections=10, max_connections_per_address=4) as door:
        other = door.peer("127.0.0.2")
        assert _works(other)
        silent = [door.peer() for _ in range(20)]
        door.until(lambda: door.closed("made_room") == 16)
        assert [peer.rest() for peer in silent[:16]] == [b""] * 16
        assert all(_works(peer) for peer in silent[16:])
        assert _works(other)


def test_the_address_with_most_connections_makes_room() -> None:
    """With every place taken, who comes new takes one from whoever holds most, not from the oldest."""
    with running_door(max_connections=6, max_connections_per_address=5) as door:
        first = door.peer("127.0.0.2")
        assert _works(first)
        many = [door.peer() for _ in range(5)]
        assert _works(door.peer("127.0.0.3"))
        assert _works(first)
        assert many[0].rest() == b""
        assert door.closed("made_room") == 1


def test_busy_connections_make_no_room() -> None:
    """Nothing that is worked on is closed for a newcomer: the newcomer gets 503 with Retry-After."""
    go = threading.Event()
    service = _waiting_service(go)
    with running_door(service, max_connections=3, max_connections_per_address=2) as door:
        busy = [door.peer() for _ in range(2)]
        for peer in busy:
            peer.ask("POST", IMAGES, APPLE)
        door.until(lambda: len(service.requests) == 2)
        refused = door.peer().rest()
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in refused
        assert b'"code":"overloaded"' in refused
        assert door.closed("address_full") == 1
        third = door.peer("127.0.0.2")
        third.ask("POST", IMAGES, APPLE)
        door.until(lambda: len(service.requests) == 3)
        assert door.peer("127.0.0.3").rest().startswith(b"HTTP/1.1 503 ")
        assert door.closed("full") == 1
        go.set()
        assert [peer.answer()[:13] for peer in (*busy, third)] == [b"HTTP/1.1 200 "] * 3


@pytest.mark.parametrize("ends", ["keep-alive", "close"])
def test_who_reads_nothing_is_cut_off(ends: str) -> None:
    """Pictures that nobody takes are let go, and the connection with them, as is its place."""
    service = ScriptedService()
    service.answer = _large
    with running_door(service, write_timeout_s=0.5) as door:
        peer = door.peer(receives=4096)
        peer.ask("POST", IMAGES, APPLE, Connection=ends)
        door.until(lambda: door.closed("unread") == 1)
        door.until(lambda: door.server.door.connections == 0)
        assert door.app.state.edge.admission.in_flight == 0
        assert len(peer.rest()) < 4 * len(LARGE)


def test_a_stream_that_nobody_reads_is_cancelled() -> None:
    """A stream's place is given back as soon as its connection is cut off."""
    service = ScriptedService()
    service.answer = lambda request, _: _large(request)
    with running_door(service, write_timeout_s=0.5) as door:
        peer = door.peer(receives=4096)
        peer.ask("POST", IMAGES, b'{"prompt": "a red apple", "n": 4, "stream": true}')
        door.until(lambda: door.closed("unread") == 1)
        door.until(lambda: door.app.state.edge.admission.in_flight == 0)


def test_a_slow_reader_gets_everything() -> None:
    """Who takes its answer piece by piece, each within its time, gets all of it."""
    service = ScriptedService()
    service.answer = _large
    with running_door(service, write_timeout_s=30) as door:
        peer = door.peer()
        peer.ask("POST", IMAGES, APPLE)
        door.until(lambda: door.app.state.edge.admission.in_flight == 0)
        answer = peer.answer()
        assert len(answer) > 4 * len(LARGE)
        assert answer.endswith(b"}")
        assert door.closed("unread") == 0


def _silent(door: RunningDoor) -> None:
    door.peer()


def _half_a_head(door: RunningDoor) -> None:
    door.peer().send(b"GET / HTTP/1.1\r\nHo")


def _half_a_body(door: RunningDoor) -> None:
    peer = door.peer()
    peer.send(b"POST /v1/moderations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n")
    peer.send(b"Content-Type: application/json\r\n\r\n{")


def _unread(door: RunningDoor) -> None:
    door.peer(receives=4096).ask("POST", IMAGES, APPLE)
    door.until(lambda: bool(door.service.requests))


def _unread_stream(door: RunningDoor) -> None:
    door.peer(receives=4096).ask("POST", IMAGES, b'{"prompt": "a red apple", "n": 4, "stream": true}')
    door.until(lambda: bool(door.service.requests))


@pytest.mark.parametrize("holds_on", [_silent, _half_a_head, _half_a_body, _unread, _unread_stream])
def test_nobody_holds_up_the_end(holds_on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopping server does not wait its whole drain for who sends nothing or takes nothing."""
    monkeypatch.setattr("gateway.door.protocol.DRAIN_WRITE_S", 0.5)
    monkeypatch.setattr("gateway.door.protocol.LINGER_S", 0.5)
    service = ScriptedService()
    service.answer = lambda request, *_: _large(request)
    with running_door(service, drain_s=10_000.0, body_timeout_s=10_000.0, write_timeout_s=10_000.0) as door:
        holds_on(door)
        assert _works(door.peer())
        door.stop()
        assert door.server.door.connections == 0
        assert service.life == ["start", "close"]


def test_what_is_read_is_waited_for() -> None:
    """An answer that a client takes is finished although the server is stopping."""
    service = ScriptedService()
    service.answer = _large
    with running_door(service, drain_s=10_000.0) as door:
        peer = door.peer()
        peer.ask("POST", IMAGES, APPLE)
        door.until(lambda: bool(service.requests))
        door.server.end_soon()
        assert len(peer.answer()) > 4 * len(LARGE)
        assert peer.rest() == b""
