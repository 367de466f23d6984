"""What every route shares: the service, who may call, how much at once, and what is counted.

Duty: hold these parts together under one name and give them to a route. It does nothing by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from starlette.requests import Request

from gateway.api.auth import Authenticator
from gateway.api.budget import ByteBudget, Readers, Share
from gateway.api.image_files import ImageFiles
from gateway.api.limits import Admission
from gateway.api.surface import GatewayService
from gateway.core.errors import GatewayError
from gateway.telemetry.metrics import GatewayMetrics

READY: Final = "ok"
WATCH_AFTER_S: Final = 0.05


class ClientGone(GatewayError):
    """The client closed the connection; nobody reads this answer, the access log does."""

    status, type, code = 499, "client_error", "client_closed_request"


@dataclass(frozen=True, slots=True)
class Edge:
    """The parts of one running server; `started` is Unix seconds."""

    service: GatewayService
    keys: Authenticator
    admission: Admission
    memory: ByteBudget
    readers: Readers
    files: ImageFiles
    metrics: GatewayMetrics
    started: int

    def readiness(self) -> Mapping[str, str]:
        """Component → "ok" or a reason. Draining comes first: it turns red before anything stops."""
        if self.admission.draining:
            return {"server": "draining", **self.service.readiness()}
        return {"server": READY, "keys": self.keys.readiness, **self.service.readiness()}


def edge_of(request: Request) -> Edge:
    """The parts that this request's application was made with."""
    edge: Edge = request.app.state.edge
    return edge


def request_id_of(request: Request) -> str:
    """The id that the outermost middleware gave this request."""
    request_id: str = request.scope["imagegate.request_id"]
    return request_id


def share_of(request: Request) -> Share:
    """What this request holds of the memory set aside for requests."""
    share: Share = request.scope["imagegate.share"]
    return share


class WhileConnected:
    """Runs a block, and cancels it when the client closes the connection. The body must have been read.

    Leaving the block raises `ClientGone` when that happened. The connection is watched only after
    `WATCH_AFTER_S`: shorter work is not worth cancelling, and the watching task not worth its cost.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._gone = False
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        """Begin; must run in a task."""
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._begin)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching; turn our own cancellation, and only ours, into `ClientGone`."""
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        if self._gone and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise ClientGone("The client closed the connection.") from error

    def _begin(self) -> None:
        self._watch = asyncio.ensure_future(self._disconnected())

    async def _disconnected(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()


async def settle(task: asyncio.Task[Any]) -> None:
    """Cancel the task if it still runs, and wait until it has really ended: no work outlives its request."""
    if task.done():
        return
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()  # seen here: the request has its own ending already
