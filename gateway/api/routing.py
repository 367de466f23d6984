"""Hot routes, which hand the request straight to their endpoint.

Duty: spare them the framework's routing, exit stacks and parameter solving, none of which they use, while
each stays a route of the application and in its schema. An endpoint here takes the request and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send


class PlainRoute(APIRoute):
    """Use as `APIRouter(route_class=PlainRoute)`; the endpoint is `async (Request) -> Response`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself: FastAPI's documented place to change how a request is handled."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


class PlainRoutes:
    """Pure ASGI: a plain route's own method and address go to its endpoint, everything else to `app`."""

    def __init__(self, app: ASGIApp, *, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._direct = {
            (method, route.path): route
            for route in routes
            if isinstance(route, PlainRoute) and "{" not in route.path
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Leave errors to the middleware around, as the framework's routes do."""
        route = self._direct.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None or scope.get("root_path"):
            await self._app(scope, receive, send)
            return
        scope["route"], scope["endpoint"], scope["path_params"] = route, route.endpoint, {}
        response: Response = await route.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)
