"""The real server on a thread of its own, over a scripted service; and a client that speaks raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import uvloop

from gateway.api.app import create_app
from gateway.door.server import DoorServer
from support.service import FakeDoor, FakeServer, ScriptedService

PATIENCE_S = 60.0
"""How long a test waits for what must come; no promise depends on it."""


@dataclass
class Peer:
    """One connection to the server."""

    socket: socket.socket
    left: bytes = b""
    """What came behind the last answer."""

    def send(self, content: bytes) -> None:
        """Send; the server may have closed already."""
        with contextlib.suppress(OSError):
            self.socket.sendall(content)

    def ask(self, method: str = "GET", path: str = "/healthz", body: bytes = b"", **headers: str) -> None:
        """Send one whole request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"] if body else []
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def answer(self) -> bytes:
        """One whole answer with a Content-Length; what came, when the server closes before."""
        seen, self.left = self.left, b""
        while b"\r\n\r\n" not in seen:
            piece = self._read()
            seen += piece
            if not piece:
                return seen
        head = seen.partition(b"\r\n\r\n")[0].lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        whole = seen.index(b"\r\n\r\n") + 4 + length
        while len(seen) < whole:
            piece = self._read(whole - len(seen))
            seen += piece
            if not piece:
                break
        self.left = seen[whole:]
        return seen[:whole]

    def rest(self) -> bytes:
        """Everything until the server closes."""
        seen, self.left = self.left, b""
        while piece := self._read():
            seen += piece
        return seen

    def _read(self, size_bytes: int = 65536) -> bytes:
        try:
            return self.socket.recv(size_bytes)
        except ConnectionResetError:
            return b""


@dataclass
class RunningDoor:
    """A server that runs; `service` is what it serves."""

    service: ScriptedService
    server: DoorServer
    app: Any
    port: int
    thread: threading.Thread
    peers: list[Peer] = field(default_factory=list)

    def peer(self, source: str = "127.0.0.1", *, receives: int | None = None) -> Peer:
        """A new connection; `receives` makes its own buffer small."""
        one = socket.socket()
        one.settimeout(PATIENCE_S)
        if receives is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        one.bind((source, 0))
        one.connect(("127.0.0.1", self.port))
        self.peers.append(Peer(one))
        return self.peers[-1]

    def closed(self, reason: str) -> float:
        """How many connections the server closed for that reason."""
        metrics = self.app.state.edge.metrics
        labels = {"reason": reason}
        return float(metrics.registry.get_sample_value("imagegate_connections_closed_total", labels) or 0)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what must come."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self) -> None:
        """End as on SIGTERM, and wait for it."""
        self.server.end_soon()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


@contextlib.contextmanager
def running_door(service: ScriptedService | None = None, **limits: Any) -> Iterator[RunningDoor]:
    """A server with these limits: names of the door's settings, else of the server's."""
    served = service or ScriptedService()
    of_door = {name: limits.pop(name) for name in list(limits) if name in FakeDoor.__dataclass_fields__}
    fake = FakeServer(door=FakeDoor(**of_door), **{"drain_s": 1.0, **limits})
    served.settings = replace(served.settings, server=fake)
    app = create_app(served)
    listener = socket.create_server(("127.0.0.1", 0))
    up = threading.Event()
    server = DoorServer(app, on_ready=lambda _: up.set(), log_level="error")

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve(sockets=[listener]))

    thread = threading.Thread(target=run)
    thread.start()
    assert up.wait(PATIENCE_S)
    running = RunningDoor(served, server, app, listener.getsockname()[1], thread)
    try:
        yield running
    finally:
        for peer in running.peers:
            peer.socket.close()
        running.stop()
