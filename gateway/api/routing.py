"""Hot routes, whose endpoints take the request itself.

Duty: spare them parameter solving and response models, which they don't use, while each stays a route of the
application and in its schema. An endpoint here takes the request and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response


class PlainRoute(APIRoute):
    """Use as `APIRouter(route_class=PlainRoute)`; the endpoint is `async (Request) -> Response`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself: FastAPI's documented place to change how a request is handled."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler
