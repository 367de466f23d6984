"""`GET /v1/models`: every name that this gateway knows, in OpenAI's shape. Duty: list; it loads nothing."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.api import responses
from gateway.api.auth import ANYONE
from gateway.api.edge import Edge, edge_of
from gateway.api.problems import JSON
from gateway.api.surface import ModelEntry
from gateway.core.errors import NotFound

router: Final = APIRouter(tags=["models"])


@router.get("/v1/models", summary="List models", response_class=Response, responses=responses.MODELS)
async def list_models(request: Request) -> Response:
    """Image backends first; `kind` says what each does."""
    edge = edge_of(request)
    edge.keys.authenticate(request, ANYONE)
    content = {"object": "list", "data": [_entry(edge, model) for model in edge.service.models()]}
    return Response(orjson.dumps(content), media_type=JSON)


@router.get(
    "/v1/models/{model:path}",
    summary="Describe one model",
    response_class=Response,
    responses=responses.MODEL,
)
async def read_model(request: Request, model: str) -> Response:
    """The entry of that name."""
    edge = edge_of(request)
    edge.keys.authenticate(request, ANYONE)
    for entry in edge.service.models():
        if entry.id == model:
            return Response(orjson.dumps(_entry(edge, entry)), media_type=JSON)
    raise NotFound("There is no such model; see /v1/models.", param="model")


def _entry(edge: Edge, model: ModelEntry) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "model",
        "created": edge.started,
        "owned_by": model.owned_by,
        "kind": model.kind,
    }
