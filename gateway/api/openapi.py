"""/openapi.json: what the framework knows of the routes, plus what only we know.

Duty: add the bodies that hot routes read themselves, drop the 422 that never happens here (our status for a
wrong parameter is 400), and say how to authenticate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.api.edit_request import ImageEditForm, ImageVariationForm
from gateway.api.image_request import ImageGenerationRequest
from gateway.api.moderation_request import ModerationRequest
from gateway.api.review import ReviewActRequest

_BODIES: Final[tuple[type[BaseModel], ...]] = (
    ReviewActRequest,
    ImageGenerationRequest,
    ImageEditForm,
    ImageVariationForm,
    ModerationRequest,
)
_WITHOUT_KEY: Final = frozenset({"/healthz", "/readyz", "/v1/images/files/{name}"})
_SCHEME: Final = "apiKey"
_DESCRIPTION: Final = (
    "Prompts and pictures are judged by the operator's policy; every decision is on record. A block is a 400 "
    "with code `moderation_blocked` and must not be retried."
)


def schema_maker(app: FastAPI, *, version: str, without_keys: bool) -> Callable[[], dict[str, Any]]:
    """Return the function that makes the schema once and keeps it. `without_keys`: authentication is off."""

    def make() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title="imagegate", version=version, description=_DESCRIPTION, routes=app.routes
            )
            _add_bodies(schema)
            _drop_422(schema)
            _add_security(schema, optional=without_keys)
            app.openapi_schema = schema
        return app.openapi_schema

    return make


def _add_bodies(schema: dict[str, Any]) -> None:
    _, definitions = models_json_schema(
        [(model, "validation") for model in _BODIES], ref_template="#/components/schemas/{model}"
    )
    schema["components"]["schemas"].update(definitions["$defs"])


def _drop_422(schema: dict[str, Any]) -> None:
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)


def _add_security(schema: dict[str, Any], *, optional: bool) -> None:
    schema["components"]["securitySchemes"] = {
        _SCHEME: {"type": "http", "scheme": "bearer", "description": "A key made by `imagegate keys add`."}
    }
    needed: list[dict[str, list[str]]] = [{_SCHEME: []}]
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            if path not in _WITHOUT_KEY:
                operation["security"] = [{}, *needed] if optional else needed
