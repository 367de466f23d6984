"""A whole gateway on a port of this machine, for as long as a `with` block.

Duty: real pipeline, policies, log and HTTP surface over the scripted models, in a thread of the test's
process. Nothing is downloaded and no model is loaded.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from gateway.api.app import create_app
from gateway.service.gateway import Gateway
from gateway.service.settings import load_settings
from gateway.service.wiring import assemble
from gateway.testing.parts import Drawing, Meaning, Pictures, Rewriting, Texts

POLICY: Final = """\
name: scripted
description: What each scripted word brings about.
owner: tests
bands:
  default: {low: 0.3, medium: 0.6, high: 0.9}
rewrite: {mode: safety, max_attempts: 2, timeout_ms: 20000}
stages:
  prompt:
    classifiers:
      - {name: texts, timeout_ms: 20000, on_failure: block}
    rules:
      - {id: changed, when: {category: profanity, at_least: high}, action: rewrite, reason: So scripted.}
      - {id: held, when: {category: harassment, at_least: high}, action: hold, reason: So scripted.}
      - {id: blocked, when: {category: violence, at_least: high}, action: block, reason: So scripted.}
  image:
    classifiers:
      - {name: pictures, timeout_ms: 20000, on_failure: block}
    rules:
      - {id: unseen, when: {category: sexual, at_least: high}, action: block, reason: So scripted.}
      - {id: doubtful, when: {category: hate, at_least: high}, action: hold, reason: So scripted.}
"""
_START_WITHIN_S: Final = 60.0
_STOP_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class ScriptedGateway:
    """A running gateway. `url` is its root, `base_url` what OpenAI's client takes, `data` its folder."""

    url: str
    data: Path

    @property
    def base_url(self) -> str:
        """The root of the OpenAI-compatible API."""
        return f"{self.url}/v1"


@contextmanager
def scripted_gateway(folder: Path, *, keys_file: Path | None = None) -> Iterator[ScriptedGateway]:
    """Run a gateway on a free port of 127.0.0.1, its log and pictures under `folder`, until the block ends.

    A prompt's outcome is chosen by `Word`. Without `keys_file` any key is taken.

    Raises:
        ConfigurationError: the folder holds another gateway's log, or the key file can't be read.
        RuntimeError: it did not start.
    """
    gateway = _gateway(folder, keys_file)
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(gateway, metrics=gateway.metrics)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="on"))
    thread = threading.Thread(target=_serve, args=(server, listener), name="scripted-gateway", daemon=True)
    thread.start()
    try:
        _wait_started(server, thread)
        yield ScriptedGateway(f"http://127.0.0.1:{listener.getsockname()[1]}", folder)
    finally:
        server.should_exit = True
        thread.join(_STOP_WITHIN_S)
        listener.close()


def _gateway(folder: Path, keys_file: Path | None) -> Gateway:
    policies = folder / "policies"
    policies.mkdir(parents=True, exist_ok=True)
    (policies / "scripted.yaml").write_text(POLICY, encoding="utf-8")
    settings = load_settings(
        overrides={
            "data": folder,
            "keys_file": keys_file,
            "policies.default": "scripted",
            "policies.folder": policies,
            "default_generator": "drawing",
            "generators.drawing": {"type": "scripted"},
            "server.drain_s": 1.0,
        }
    )
    return assemble(
        settings,
        classifiers={"texts": Texts(), "pictures": Pictures()},
        rewriter=Rewriting(),
        generators={"drawing": Drawing()},
        embedder=Meaning(),
    )


def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    asyncio.run(server.serve(sockets=[listener]))


def _wait_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    rest = threading.Event()
    for _ in range(int(_START_WITHIN_S / _LOOK_EVERY_S)):
        if server.started:
            return
        if not thread.is_alive():
            break
        rest.wait(_LOOK_EVERY_S)
    raise RuntimeError("the scripted gateway did not start; its error stands above")
