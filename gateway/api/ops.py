"""For those who run it: `/healthz`, `/readyz`, `/metrics`. Duty: show; nothing here changes anything."""

from __future__ import annotations

from typing import Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.api import responses
from gateway.api.auth import METRICS
from gateway.api.edge import READY, edge_of
from gateway.api.problems import DEFAULT_WAIT_S, JSON, wait_headers
from gateway.telemetry.metrics import CONTENT_TYPE

router: Final = APIRouter(tags=["operations"])
_FRESH: Final = {"cache-control": "no-store"}


@router.get("/healthz", summary="Is the process alive?", response_class=Response, responses=responses.HEALTH)
async def healthz(_: Request) -> Response:
    """200 while the event loop turns."""
    return Response(b'{"status":"ok"}', headers=_FRESH, media_type=JSON)


@router.get("/readyz", summary="Can it take work?", response_class=Response, responses=responses.READY)
async def readyz(request: Request) -> Response:
    """200 when every component is ready, else 503 with each one's reason."""
    components = dict(edge_of(request).readiness())
    wanting = sorted(name for name, state in components.items() if state != READY)
    if not wanting:
        content: dict[str, object] = {"status": "ready", "components": components}
        return Response(orjson.dumps(content), headers=_FRESH, media_type=JSON)
    content = {
        "status": "not_ready",
        "components": components,
        "error": {
            "message": f"Not ready: {', '.join(wanting)}.",
            "type": "server_error",
            "param": None,
            "code": "not_ready",
        },
    }
    headers = {**_FRESH, **wait_headers(DEFAULT_WAIT_S)}
    return Response(orjson.dumps(content), 503, headers=headers, media_type=JSON)


@router.get(
    "/metrics",
    summary="Counts and latencies for Prometheus",
    response_class=Response,
    responses=responses.METRICS,
)
async def metrics(request: Request) -> Response:
    """Text exposition format; no label holds a prompt, a key, a tenant or an address."""
    edge = edge_of(request)
    edge.keys.authenticate(request, METRICS)
    return Response(edge.metrics.render(), headers={**_FRESH, "content-type": CONTENT_TYPE})
