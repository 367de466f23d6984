"""The HTTP application, assembled in one visible place; nothing else happens here.

RequestContext → AccessLog → HeldMemory → ErrorBoundary → HeadAsGet → the framework with its routes
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp

from gateway import __version__
from gateway.api import audit, held, images, models, moderations, ops, pages, review
from gateway.api.auth import Authenticator
from gateway.api.budget import ByteBudget, Readers
from gateway.api.console.rendering import now_us
from gateway.api.console.router import router as console_router
from gateway.api.console.sessions import Attempts, Sessions
from gateway.api.console.visitor import Console
from gateway.api.edge import Edge
from gateway.api.image_files import ImageFiles
from gateway.api.limits import Admission
from gateway.api.middleware import AccessLog, ErrorBoundary, HeadAsGet, HeldMemory, RequestContext
from gateway.api.openapi import schema_maker
from gateway.api.problems import on_gateway_error, on_http_error, on_validation_error
from gateway.api.surface import GatewayService
from gateway.core.errors import GatewayError
from gateway.telemetry.metrics import GatewayMetrics

# In order of use: the router looks from the top.
_ROUTERS: Final = (
    images.router,
    moderations.router,
    images.files_router,
    held.router,
    models.router,
    audit.router,
    review.router,
    ops.router,
    pages.router,
    console_router,
)


class GatewayApp(FastAPI):
    """FastAPI inside our own wrappers: its outer ones (error page, tracing, body limit) have no work here."""

    def build_middleware_stack(self) -> ASGIApp:
        """Assemble what every request passes, from the inside out."""
        edge: Edge = self.state.edge
        app: ASGIApp = AsyncExitStackMiddleware(self.router)
        app = ExceptionMiddleware(app, handlers=self.exception_handlers)
        app = HeadAsGet(app)
        app = ErrorBoundary(app)
        app = HeldMemory(app, memory=edge.memory)
        app = AccessLog(app, metrics=edge.metrics)
        return RequestContext(app, draining=lambda: edge.admission.draining)


def create_app(service: GatewayService, *, metrics: GatewayMetrics | None = None) -> FastAPI:
    """Return the application over a service; its parts are at `app.state.edge`.

    `metrics` is shared with the pipeline's observer; absent, only HTTP is counted. When the service has
    `start` and `close`, the application's lifespan calls them.

    Raises:
        ConfigurationError: the key file can't be used.
    """
    settings = service.settings
    edge = Edge(
        service=service,
        keys=Authenticator(settings.keys_file),
        admission=Admission(
            max_concurrent=settings.server.max_concurrent, max_queued=settings.server.max_queued
        ),
        memory=ByteBudget(settings.server.max_held_bytes),
        readers=Readers(settings.server.max_audit_readers, waiting=4 * settings.server.max_audit_readers),
        files=ImageFiles(settings.images_folder, ttl_s=settings.server.image_url_ttl_s),
        metrics=metrics or GatewayMetrics(),
        started=int(time.time()),
    )
    _watch(edge)
    app = GatewayApp(
        title="imagegate",
        version=__version__,
        lifespan=_lifespan(edge),
        redirect_slashes=False,
        docs_url=None,  # ours: gateway/api/pages.py
        redoc_url=None,
    )
    app.state.edge = edge
    app.state.console = console = Console(Sessions(lambda: service.desk.store, clock_us=now_us), Attempts())
    edge.metrics.watch("failed_sign_ins", "Sign-ins to /review that failed.", lambda: console.attempts.total)
    for router in _ROUTERS:
        app.router.routes.extend(router.routes)  # flat: `include_router` would match every request twice
    app.add_exception_handler(GatewayError, on_gateway_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.openapi = schema_maker(  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema
        app, version=__version__, without_keys=edge.keys.open
    )
    return app


def begin_drain(app: FastAPI) -> None:
    """Turn not ready and refuse new work; what was accepted goes on. Call it first on SIGTERM. Idempotent."""
    edge: Edge = app.state.edge
    edge.admission.begin_drain()


async def drained(app: FastAPI) -> bool:
    """Wait for accepted work, at most the settings' `drain_s`; False when some was still running then."""
    edge: Edge = app.state.edge
    return await edge.admission.drained(edge.service.settings.server.drain_s)


def _lifespan(edge: Edge) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        start = getattr(edge.service, "start", None)
        if start is not None:
            await start()
        sweeper = asyncio.ensure_future(edge.files.sweep_forever())
        try:
            yield
        finally:
            begin_drain(app)
            await drained(app)
            sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeper
            close = getattr(edge.service, "close", None)
            if close is not None:
                await close()

    return lifespan


def _watch(edge: Edge) -> None:
    """Show on /metrics what is known elsewhere, read only when asked."""
    edge.metrics.watch("in_flight", "Requests worked on now.", lambda: edge.admission.in_flight)
    edge.metrics.watch("queued", "Requests waiting for a place.", lambda: edge.admission.queued)
    edge.metrics.watch("held_bytes", "Bytes that requests hold in memory.", lambda: edge.memory.held_bytes)
    edge.metrics.watch("log_records", "Durable records in the log.", lambda: edge.service.checkpoint()[0])
    edge.metrics.watch_each(
        "ready",
        "1 when the component is ready.",
        "component",
        lambda: {name: float(state == "ok") for name, state in edge.readiness().items()},
    )
