"""Hostile requests at the real server: what is refused, how, and what is left."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from support.door import RunningDoor, running_door
from support.service import ScriptedService

HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
IMAGES = "/v1/images/generations"
CHUNKED = (
    b"POST /v1/moderations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def _refused(answer: bytes, status: int, code: str) -> None:
    """The one body shape, and the end of the connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in head
    error = json.loads(body)["error"]
    assert error["code"] == code
    assert set(error) == {"message", "type", "param", "code"}


def _nothing_left(door: RunningDoor) -> None:
    door.until(lambda: door.server.door.connections == 0)


@pytest.mark.parametrize(
    "endless",
    [b"".join(b"x-%04d: %s\r\n" % (number, b"v" * 100) for number in range(1000)), b"x: " + b"v" * 100_000],
    ids=["many", "one"],
)
def test_an_endless_head_is_refused(endless: bytes) -> None:
    """Headers without end, or one header without end, get 431 and the end of the connection."""
    with running_door(max_head_bytes=4096) as door:
        peer = door.peer()
        peer.send(HEAD + endless * 50)
        _refused(peer.rest(), 431, "head_too_large")
        assert door.closed("head_too_large") == 1
        peer.socket.close()
        _nothing_left(door)


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"x: %s\r\n\r\n" % (b"v" * 4096),
        HEAD + b"x: y\r\n" * 21 + b"\r\n",
        b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 4096),
    ],
    ids=["bytes", "count", "address"],
)
def test_a_whole_head_over_a_limit_is_refused(head: bytes) -> None:
    """A head that comes whole is held to the same limits, before any application sees it."""
    with running_door(max_head_bytes=4096, max_headers=20) as door:
        peer = door.peer()
        peer.send(head)
        _refused(peer.rest(), 431, "head_too_large")
        assert door.closed("head_too_large") == 1


def test_a_head_within_the_limits_passes() -> None:
    """The limits are not reached by what they allow, nor by several requests of that size."""
    with running_door(max_head_bytes=4096, max_headers=20) as door:
        peer = door.peer()
        for _ in range(3):
            peer.send(HEAD + b"x: y\r\n" * 18 + b"z: %s\r\n\r\n" % (b"v" * 3900))
            assert peer.answer().startswith(b"HTTP/1.1 200 ")


def test_a_head_behind_a_large_body_is_counted_alone() -> None:
    """Bytes of a body are no bytes of the next head, though they come in one piece."""
    with running_door(max_head_bytes=1024) as door:
        peer = door.peer()
        body = b'{"prompt": "%s"}' % (b"a" * 20_000)
        peer.ask("POST", IMAGES, body)
        peer.send(HEAD[:20])
        peer.send(HEAD[20:] + b"\r\n")
        assert peer.answer().startswith(b"HTTP/1.1 200 ")
        assert peer.answer().startswith(b"HTTP/1.1 200 ")


def test_few_pipelined_requests_are_answered_in_order() -> None:
    """What the limit allows is answered, one after the other, and the connection goes on."""
    with running_door(max_pipelined=4) as door:
        peer = door.peer()
        peer.send(b"".join(HEAD + b"x-request-id: r-%d\r\n\r\n" % number for number in range(5)))
        for number in range(5):
            assert b"x-request-id: r-%d\r\n" % number in peer.answer()
        peer.ask()
        assert peer.answer().startswith(b"HTTP/1.1 200 ")


def test_more_pipelined_requests_are_not_read() -> None:
    """Beyond the limit nothing is read: those before it are answered, then the connection is closed."""
    with running_door(max_pipelined=4) as door:
        peer = door.peer()
        peer.send((HEAD + b"\r\n") * 3000)
        assert peer.rest().count(b"HTTP/1.1 200 ") <= 5
        assert door.closed("pipelined") == 1
        _nothing_left(door)


@pytest.mark.parametrize("junk", [b"\x16\x03\x01\x02\x00\x01", b"HELLO\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_no_http_is_refused(junk: bytes) -> None:
    """TLS on the plain port, or no HTTP at all, gets 400 in the one shape."""
    with running_door() as door:
        peer = door.peer()
        peer.send(junk)
        _refused(peer.rest(), 400, "invalid_request")
        assert door.closed("malformed") == 1


def test_junk_behind_a_request_does_not_harm_its_answer() -> None:
    """What is under way is answered first; then the connection is closed."""
    go = threading.Event()
    service = ScriptedService()
    plain = service.answer

    async def wait(request: object) -> object:
        await asyncio.to_thread(go.wait)
        return plain(request)

    service.answer = wait
    with running_door(service) as door:
        peer = door.peer()
        peer.ask("POST", IMAGES, b'{"prompt": "a red apple"}')
        door.until(lambda: bool(service.requests))
        peer.send(b"JUNK JUNK\r\n\r\n")
        go.set()
        answers = peer.rest()
        assert answers.count(b"HTTP/1.1 ") == 1
        assert answers.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "asked",
    ["GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
     "CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n"],
    ids=["websocket", "connect"],
)  # fmt: skip
def test_nothing_is_upgraded(asked: str) -> None:
    """An upgrade is answered as a plain request, and what follows is not read."""
    with running_door() as door:
        peer = door.peer()
        peer.send(asked.encode() + HEAD + b"\r\n")
        assert peer.rest().count(b"HTTP/1.1 ") == 1


def test_a_body_of_crumbs_is_refused() -> None:
    """A body in chunks of one byte, or with trailers without end, is not read to its end."""
    for crumbs in (
        b"1\r\n \r\n" * 200_000,
        b"1;%s\r\n" % (b"e" * 1_200_000),
        b"0\r\n" + b"t: v\r\n" * 200_000,
    ):
        with running_door() as door:
            peer = door.peer()
            peer.send(CHUNKED + crumbs)
            _refused(peer.rest(), 400, "invalid_request")
            assert door.closed("malformed") == 1
            assert not door.service.moderated


def test_trailers_are_no_headers() -> None:
    """What comes behind a body reaches nobody."""
    with running_door() as door:
        peer = door.peer()
        peer.send(CHUNKED + b'10\r\n{"input":"abcd"}\r\n0\r\nx-request-id: t\r\n\r\n')
        answer = peer.answer()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"x-request-id: t\r\n" not in answer
        assert door.service.moderated[0][0][0].texts == ("abcd",)


def test_a_refused_body_may_still_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused before its body has come may send the rest and go on; who does not is closed."""
    monkeypatch.setattr("gateway.door.protocol.LINGER_BODY_S", 0.5)
    with running_door(idle_timeout_s=0.5) as door:
        slow, quick = door.peer(), door.peer()
        for peer in (slow, quick):
            peer.ask("POST", "/nothing", b"x" * 1000, Expect="nothing")
        for peer in (slow, quick):
            peer.send(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + b"x" * 10)
            assert peer.answer().startswith(b"HTTP/1.1 404 ")
            assert peer.answer().startswith(b"HTTP/1.1 404 ")
        quick.send(b"x" * 990)
        quick.ask()
        assert quick.answer().startswith(b"HTTP/1.1 200 ")
        assert slow.rest() == b""
        assert door.closed("body_unread") == 1
        assert quick.rest() == b""
        assert door.closed("idle") == 1


def test_a_refused_body_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a body that nobody reads no more is thrown away than a body may have."""
    monkeypatch.setattr("gateway.door.protocol.LINGER_BODY_BYTES", 2_000_000)
    with running_door() as door:
        peer = door.peer()
        peer.send(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n")
        assert peer.answer().startswith(b"HTTP/1.1 404 ")
        peer.send(b"x" * 40_000_000)
        assert peer.rest() == b""
        assert door.closed("body_unread") == 1
