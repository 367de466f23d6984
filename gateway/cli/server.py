"""uvicorn with an end in the right order: not ready, accepted work finished, then closed.

Duty: what a signal does: SIGTERM and SIGINT end the server, SIGHUP has the policies read again. It knows no
route and no model.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

import uvicorn

from gateway.api.app import begin_drain, drained
from gateway.core.errors import GatewayError
from policies.book import ReloadReport

_log = logging.getLogger("imagegate.policies")


def reload_on_hangup(reload: Callable[[], Coroutine[Any, Any, ReloadReport]]) -> None:
    """From now on, have `reload` run on each SIGHUP, and say on standard error what came of it."""
    under_way: set[asyncio.Task[None]] = set()

    async def run() -> None:
        try:
            report = await reload()
        except GatewayError as error:
            _log.error("policies: the old ones stay in force, the log takes no record: %s", error)
            return
        if report.error is not None:
            _log.error("policies: refused, the old ones stay in force:\n%s", report.error)
            return
        changed = ", ".join(f"{ref.name}@{ref.revision[:12]}" for ref in report.changed) or "nothing new"
        removed = "".join(f"; {ref.name} is gone" for ref in report.removed)
        _log.info("policies: read again: %s%s", changed, removed)

    def on_signal() -> None:
        task = asyncio.get_running_loop().create_task(run())
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, on_signal)


class DrainingServer(uvicorn.Server):
    """On the first signal: refuse new work and turn not ready while still answering, wait, then stop.

    A second signal stops without waiting. `on_ready` is called once the port is open. The process then ends
    by itself with exit code 0: the signal is not raised again.
    """

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Task[None] | None = None
        self._asked = False

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Open the port, then say so."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by the signal handler, between two bytecodes: only schedules."""
        if self._asked or self._loop is None:
            self.force_exit = self._asked
            self.should_exit = True
            return
        self._asked = True
        self._loop.call_soon_threadsafe(self._begin_end)

    def end_soon(self) -> None:
        """End as on a first signal; may be called from any thread, before or after the start."""
        if self._loop is None:
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self._begin_end)

    def _begin_end(self) -> None:
        begin_drain(self.config.app)  # type: ignore[arg-type]  # ours is a FastAPI application
        self._ending = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        await drained(self.config.app)  # type: ignore[arg-type]
        self.should_exit = True
