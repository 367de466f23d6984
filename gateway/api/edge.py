"""What every route shares: the service, who may call, how much at once, and what is counted.

Duty: hold these parts together under one name and give them to a route. It does nothing by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request

from gateway.api.auth import Authenticator
from gateway.api.image_files import ImageFiles
from gateway.api.limits import Admission
from gateway.api.ports import GatewayService
from gateway.errors import GatewayError
from gateway.telemetry.metrics import GatewayMetrics

_T = TypeVar("_T")
READY = "ok"


class ClientGone(GatewayError):
    """The client closed the connection; nobody reads this answer, the access log does."""

    status, type, code = 499, "client_error", "client_closed_request"


@dataclass(frozen=True, slots=True)
class Edge:
    """The parts of one running server; `started` is Unix seconds."""

    service: GatewayService
    keys: Authenticator
    admission: Admission
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


async def unless_gone(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """Run `work` to its end, but cancel it when the client closes the connection. The body must be read.

    Raises:
        ClientGone: the connection was closed; `work` has been cancelled and has ended.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone("The client closed the connection.")
    finally:
        await settle(task, gone)


async def settle(*tasks: asyncio.Task[Any]) -> None:
    """Cancel what still runs and wait until it has really ended, so that no work outlives its request."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
        for task in running:
            if not task.cancelled():
                task.exception()  # seen here: the request has its own ending already


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
