"""Hostile clients, one function each: what a stranger or a caller with a key can do to a server's door.

Duty: the traffic, bounded in bytes, connections and time, to 127.0.0.1 and nowhere else. Each returns what
became of it in words; `benchmarks/door.py` measures the server meanwhile. They know no figure of the server.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

GIVE_UP_S = 100.0
MODERATIONS = "/v1/moderations"
GENERATIONS = "/v1/images/generations"


def connect(port: int, source: str = "127.0.0.1", *, receives: int | None = None) -> socket.socket:
    """A connection from a loopback address; `receives` makes its own buffer small, as a slow reader has."""
    one = socket.socket()
    one.settimeout(GIVE_UP_S)
    if receives is not None:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    one.bind((source, 0))
    one.connect(("127.0.0.1", port))
    return one


def head(method: str, path: str, length: int | None = None, *more: str) -> bytes:
    """A request's head, whole."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *more]
    if length is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def pour(one: socket.socket, pieces: Iterable[bytes]) -> int:
    """Send until all is sent or the server has closed; the bytes that were taken."""
    taken = 0
    with contextlib.suppress(OSError):
        for piece in pieces:
            one.sendall(piece)
            taken += len(piece)
    return taken


def answer(one: socket.socket, within_s: float = GIVE_UP_S) -> str:
    """The first line of the answer, or how there came none."""
    one.settimeout(within_s)
    try:
        begin = one.recv(64 * 1024)
    except TimeoutError:
        return "still open"
    except OSError:
        return "reset"
    return begin.partition(b"\r\n")[0].decode("latin-1") if begin else "closed"


def status_of(line: str) -> str:
    """`HTTP/1.1 503 Service Unavailable` → `503`; other words stay."""
    return line.split(" ")[1] if line.startswith("HTTP/") else line


def counted(answers: Iterable[str]) -> str:
    """`3 × 200, 1 × closed`."""
    return ", ".join(f"{count} × {what}" for what, count in sorted(Counter(answers).items()))


def endless_headers(port: int, size_bytes: int = 200_000_000) -> str:
    """200 MB of small headers on one connection."""
    block = b"".join(b"x-%06d: %s\r\n" % (number, b"v" * 90) for number in range(600))
    with connect(port) as one:
        taken = pour(one, [b"GET /healthz HTTP/1.1\r\nHost: x\r\n", *[block] * (size_bytes // len(block))])
        pour(one, [b"\r\n"])
        return f"{taken / 1e6:.1f} MB taken, {status_of(answer(one))}"


def one_header(port: int, size_bytes: int = 150_000_000) -> str:
    """One header of 150 MB."""
    with connect(port) as one:
        taken = pour(one, [b"GET /healthz HTTP/1.1\r\nx: ", *[b"v" * 1_000_000] * (size_bytes // 1_000_000)])
        pour(one, [b"\r\n\r\n"])
        return f"{taken / 1e6:.1f} MB taken, {status_of(answer(one))}"


def pipelining(port: int, requests: int = 600_000) -> str:
    """600,000 requests in one connection, and no answer is read."""
    block = head("GET", "/healthz") * 1000
    with connect(port, receives=4096) as one:
        one.settimeout(10)
        taken = pour(one, [block] * (requests // 1000))
        return f"{taken // (len(block) // 1000)} requests taken"


def silent(port: int, connections: int = 1100) -> str:
    """1,100 connections that say nothing, from one address; then somebody else comes."""
    with contextlib.ExitStack() as held:
        open_ones = []
        for _ in range(connections):
            with contextlib.suppress(OSError):
                open_ones.append(held.enter_context(connect(port)))
        with connect(port, "127.0.0.3") as other:
            other.sendall(head("GET", "/healthz"))
            seen = status_of(answer(other, 10))
        closed = sum(wait_closed(open_ones, 45))
        return f"{len(open_ones)} open; somebody else: {seen}; closed by the server within 45 s: {closed}"


def wait_closed(connections: list[socket.socket], within_s: float) -> Iterator[bool]:
    """Whether each was closed by the server, all within one time."""
    until = time.monotonic() + within_s
    for one in connections:
        one.settimeout(max(0.001, until - time.monotonic()))
        try:
            while one.recv(65536):
                pass
            yield True
        except TimeoutError:
            yield False
        except OSError:
            yield True


def dripping_heads(port: int, connections: int = 200, for_s: float = 45.0) -> str:
    """200 connections that send one byte of a head a second."""
    with contextlib.ExitStack() as held:
        open_ones = [held.enter_context(connect(port)) for _ in range(connections)]
        for one in open_ones:
            pour(one, [b"GET /healthz HTTP/1.1\r\nx: "])
        until, gone = time.monotonic() + for_s, set[int]()
        while time.monotonic() < until and len(gone) < connections:
            for place, one in enumerate(open_ones):
                try:
                    one.sendall(b"v" if place not in gone else b"")
                except OSError:
                    gone.add(place)
            time.sleep(1.0)
        return f"{len(gone)} of {connections} closed by the server within {for_s:.0f} s"


def json_keys(port: int, keys: int = 2_000_000) -> str:
    """2,000,000 unknown keys in 27 MB of JSON."""
    body = b"{" + b",".join(b'"k%08d":1' % number for number in range(keys)) + b"}"
    with connect(port) as one:
        pour(one, [head("POST", MODERATIONS, len(body)), body])
        return f"{len(body) / 1e6:.0f} MB, {status_of(answer(one))}"


def nested_json(port: int, size_bytes: int = 30_000_000) -> str:
    """30 MB of arrays in one unknown key: `[[],[],…]`."""
    body = b'{"input":[' + b",".join([b"[]"] * (size_bytes // 3)) + b"]}"
    with connect(port) as one:
        pour(one, [head("POST", MODERATIONS, len(body)), body])
        return f"{len(body) / 1e6:.0f} MB, {status_of(answer(one))}"


def form_of_crumbs(port: int, size_bytes: int = 30_000_000) -> str:
    """A form of 30 MB whose file is all line ends, which look like the beginning of a boundary."""
    begin = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    body = begin + b"\r\n--" * (size_bytes // 4) + b"\r\n--x--\r\n"
    form = "Content-Type: multipart/form-data; boundary=x"
    with connect(port) as one:
        length = f"Content-Length: {len(body)}"
        pour(one, [head("POST", "/v1/images/variations", None, form, length), body])
        return f"{len(body) / 1e6:.0f} MB, {status_of(answer(one))}"


def form_of_headers(port: int, size_bytes: int = 30_000_000) -> str:
    """A form of 30 MB whose one part has millions of headers."""
    body = b"--x\r\n" + b"a: b\r\n" * (size_bytes // 6) + b"\r\n\r\n--x--\r\n"
    form = "Content-Type: multipart/form-data; boundary=x"
    with connect(port) as one:
        length = f"Content-Length: {len(body)}"
        pour(one, [head("POST", "/v1/images/variations", None, form, length), body])
        return f"{len(body) / 1e6:.0f} MB, {status_of(answer(one))}"


def one_byte_chunks(port: int, chunks: int = 1_500_000) -> str:
    """A body in chunks of one byte, six bytes on the wire for each."""
    begin = head("POST", MODERATIONS, None, "Content-Type: application/json", "Transfer-Encoding: chunked")
    with connect(port) as one:
        taken = pour(one, [begin, *[b"1\r\n \r\n" * 10_000] * (chunks // 10_000), b"0\r\n\r\n"])
        return f"{taken / 1e6:.1f} MB taken, {status_of(answer(one))}"


def unfinished_bodies(port: int, bodies: int = 60, size_bytes: int = 31_900_000) -> str:
    """60 bodies of 31.9 MB, each all there but its last byte; held for 15 s."""
    body = b'{"input":"' + b"x" * (size_bytes - 12)
    with contextlib.ExitStack() as held:
        open_ones = [held.enter_context(connect(port)) for _ in range(bodies)]

        def send(one: socket.socket) -> int:
            return pour(one, [head("POST", MODERATIONS, size_bytes), body])

        with ThreadPoolExecutor(8) as pool:
            taken = sum(pool.map(send, open_ones))
        time.sleep(15)
        answers = counted(status_of(answer(one, 0.01)) for one in open_ones)
        return f"{taken / 1e6:.0f} MB taken; after 15 s: {answers}"


def ask_unread(port: int, body: dict[str, object]) -> socket.socket:
    """Ask for pictures on a connection that then reads nothing."""
    content = json.dumps(body).encode()
    one = connect(port, receives=4096)
    one.sendall(head("POST", GENERATIONS, len(content)) + content)
    return one


def many_pictures(port: int, picture: Path, requests: int = 16) -> str:
    """16 uploads at once, each a picture of 581 kB that has 16.8 megapixels."""
    from base64 import b64encode

    url = "data:image/png;base64," + b64encode(picture.read_bytes()).decode()
    part = {"type": "image_url", "image_url": {"url": url}}
    body = json.dumps({"input": [part]}).encode()

    def ask(_: int) -> str:
        with connect(port) as one:
            pour(one, [head("POST", MODERATIONS, len(body)), body])
            return status_of(answer(one, 180))

    with ThreadPoolExecutor(requests) as pool:
        return counted(pool.map(ask, range(requests)))


def many_proofs(port: int, record_id: str, requests: int = 60) -> str:
    """60 proofs of one record at once."""

    def ask(_: int) -> str:
        with connect(port) as one:
            one.sendall(head("GET", f"/v1/audit/records/{record_id}/proof"))
            return status_of(answer(one))

    with ThreadPoolExecutor(requests) as pool:
        return counted(pool.map(ask, range(requests)))


def reset(one: socket.socket) -> None:
    """Close with a reset, so that nothing lingers in the kernel."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()
