"""Real servers for tests: `imagegate serve` in a process of its own, and an instant image server."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

READY_WITHIN_S = 180.0
ANSWER_WITHIN_S = 60.0


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """One running `imagegate serve`."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path
    config: Path | None
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.output.read_text()[-3000:]}")
            try:
                if self.get("/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the server is not ready: {self.output.read_text()[-3000:]}")

    def stop(self, with_signal: int = signal.SIGTERM, within_s: float = 60.0) -> int:
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        return self.process.wait(timeout=within_s)


def start_gateway(
    data: Path, settings: Mapping[str, Any] | None = None, *, command: Path | None = None
) -> Served:
    """Start `imagegate serve` on a free port; `settings` become its YAML file (JSON is YAML).

    `command` is another environment's `imagegate`; it runs in the data folder, away from this checkout.
    """
    data.mkdir(parents=True, exist_ok=True)
    port = free_port()
    program = command or Path(sys.executable).with_name("imagegate")
    called = [str(program), "serve", "--port", str(port), "--data", str(data)]
    config = None
    if settings is not None:
        config = data / "imagegate.yaml"
        config.write_text(json.dumps(settings))
        called += ["--config", str(config)]
    output = data / "server.log"
    around = {**os.environ, "HF_HUB_OFFLINE": "1"}
    if command is not None:
        around.pop("PYTHONPATH", None)
    folder = data if command is not None else None
    with output.open("ab") as log:
        process = subprocess.Popen(called, stdout=log, stderr=subprocess.STDOUT, env=around, cwd=folder)
    return Served(process, port, data, config, output)


@contextmanager
def running_gateway(
    data: Path, settings: Mapping[str, Any] | None = None, *, command: Path | None = None
) -> Iterator[Served]:
    """A ready `imagegate serve`, stopped at the end."""
    served = start_gateway(data, settings, command=command)
    try:
        served.wait_ready()
        yield served
    finally:
        if served.process.poll() is None:
            served.process.kill()
            served.process.wait(timeout=30)


def png(width: int = 64, height: int = 64, colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    """A plain PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class ImageServer:
    """An OpenAI-compatible images server that answers at once; `seen` holds the bodies that came.

    While `may_answer` is not set every answer waits for it.
    """

    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@contextmanager
def image_server(*, waits: bool = False, picture: Callable[[int, int], bytes] = png) -> Iterator[ImageServer]:
    """Run an image server on a thread of this process; with `waits` the test says when it may answer.

    `picture` makes a PNG of a width and a height.
    """
    state = ImageServer()
    if not waits:
        state.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.seen.append(body)
            state.may_answer.wait(ANSWER_WITHIN_S)
            width, height = (int(x) for x in body.get("size", "64x64").split("x"))
            entry = {"b64_json": base64.b64encode(picture(width, height)).decode()}
            reply = json.dumps({"created": 1, "data": [entry] * body.get("n", 1)}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a gateway that was killed leaves broken connections behind

    server = Server(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def light_settings(base_url: str, policies: Path) -> dict[str, Any]:
    """Settings of a gateway that loads no model: one operator's pattern, a remote image server."""
    policies.mkdir(parents=True, exist_ok=True)
    (policies / "light.yaml").write_text(LIGHT_POLICY)
    patterns = [{"name": "forbidden", "pattern": r"\bforbidden\b", "category": "illicit", "score": 0.99}]
    return {
        "policies": {"default": "light", "folder": str(policies)},
        "classifiers": {"patterns": {"type": "patterns", "options": {"patterns": patterns}}},
        "rewriter": None,
        "default_generator": "remote",
        "generators": {"remote": {"type": "openai", "options": {"base_url": base_url, "model": "mock"}}},
    }


LIGHT_POLICY = """\
name: light
description: One pattern, no pictures judged; for tests of everything around it.
owner: tests
bands:
  default: {low: 0.3, medium: 0.6, high: 0.9}
rewrite: {mode: off}
stages:
  prompt:
    classifiers:
      - {name: patterns, timeout_ms: 5000, on_failure: block}
    rules:
      - id: forbidden-word
        when: {category: illicit, at_least: high}
        action: block
        reason: The prompt holds a forbidden word.
  image:
    skip: {reason: tests of the gate alone, date: 2026-11-23}
"""
