"""uvicorn with the door in it, and an end in the right order: not ready, accepted work finished, then closed.

Duty: what SIGTERM and SIGINT do, and that every connection goes through the door. It knows no route and no
model.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from gateway.api.app import begin_drain, drained
from gateway.api.edge import Edge
from gateway.door.limits import FILES_KEPT, DoorLimits, raise_file_limit
from gateway.door.protocol import DoorProtocol
from gateway.door.register import Door, Reason


class DoorServer(uvicorn.Server):
    """Serves one application. `on_ready` is called once the port is open, with the door's limits.

    On the first signal: refuse new work and turn not ready while still answering, wait, then stop. A second
    signal stops without waiting. The process then ends by itself with exit code 0: the signal is not raised
    again.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        on_ready: Callable[[DoorLimits], None] = lambda _: None,
        log_level: str = "info",
    ) -> None:
        edge: Edge = app.state.edge
        server = edge.service.settings.server
        files = raise_file_limit(server.door.max_connections + FILES_KEPT)
        self.door = Door(DoorLimits.of(server.door, files), on_closed=edge.metrics.closed_connection)
        edge.metrics.watch("connections", "Open connections.", lambda: self.door.connections)
        for reason in Reason:
            edge.metrics.closed_connection(reason, times=0)
        super().__init__(
            uvicorn.Config(
                app,
                http=functools.partial(DoorProtocol, door=self.door),  # type: ignore[arg-type]  # a factory does
                ws="none",
                lifespan="on",
                log_config=None,
                log_level=log_level,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, round(server.drain_s)),
            )
        )
        self._app = app
        self._drain_s = server.drain_s
        self._on_ready = on_ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Task[None] | None = None
        self._asked = False

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Open the port, then say so."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            self.door.watch(self._loop)
            self._on_ready(self.door.limits)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """Close, waiting for answers that are being taken."""
        self.door.begin_drain()
        try:
            await super().shutdown(sockets)
        finally:
            self.door.stop_watching()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by the signal handler, between two bytecodes: only schedules."""
        if self._asked or self._loop is None:
            self.force_exit = self._asked
            self.should_exit = True
            return
        self._asked = True
        self._loop.call_soon_threadsafe(self._begin_end)

    def end_soon(self) -> None:
        """End as on a first signal; may be called from any thread, before the start and after the end too."""
        if self._loop is None:
            self.should_exit = True
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._begin_end)

    def _begin_end(self) -> None:
        self.door.begin_drain()
        begin_drain(self._app)
        self._ending = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        """Wait for accepted work, then let answers be taken for what remains of the time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._drain_s
        await drained(self._app)
        self.config.timeout_graceful_shutdown = max(1, round(until - loop.time()))
        self.should_exit = True
