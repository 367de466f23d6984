"""`POST /v1/images/generations`, `/edits` and `/variations`, and the pictures that were asked for by URL.

Duty: parse, one call, render. No question of safety is asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.api import responses
from gateway.api.auth import GENERATE
from gateway.api.body import read_json
from gateway.api.edge import Edge, WhileConnected, edge_of, request_id_of, share_of
from gateway.api.edit_request import (
    ImageEditForm,
    ImageEditRequest,
    ImageVariationForm,
    edit_of,
    to_edit_request,
    variation_of,
)
from gateway.api.form import Form, read_form
from gateway.api.image_request import ImageGenerationRequest, to_image_request
from gateway.api.image_response import delivered_response, refused_response
from gateway.api.image_stream import ImageStream
from gateway.api.routing import PlainRoute
from gateway.core.errors import NotFound
from gateway.core.outcomes import Blocked, DeliveredImage, Held
from gateway.core.requests import ImageRequest

router: Final = APIRouter(tags=["images"], route_class=PlainRoute)
files_router: Final = APIRouter(tags=["images"])
FILES_PATH: Final = "/v1/images/files/"


@router.post(
    "/v1/images/generations",
    summary="Draw pictures that the policy allows",
    response_class=Response,
    responses=responses.GENERATION,
    openapi_extra=responses.body_of(ImageGenerationRequest),
)
async def create_image(request: Request) -> Response:
    """Judge the prompt, rewrite it where the policy says so, draw, judge every picture, deliver."""
    edge = edge_of(request)
    caller = edge.keys.authenticate(request, GENERATE)
    edge.admission.check(caller.tenant)
    settings = edge.service.settings
    body = await read_json(request, limit_bytes=settings.server.max_body_bytes, model=ImageGenerationRequest)
    model = body.model or settings.default_generator
    wanted = to_image_request(
        body,
        model=model,
        card=edge.service.generator_card(model),
        settings=settings,
        caller=caller,
        request_id=request_id_of(request),
    )
    return await _answer(edge, request, wanted, body)


@router.post(
    "/v1/images/edits",
    summary="Change a picture as the policy allows",
    response_class=Response,
    responses=responses.GENERATION,
    openapi_extra=responses.form_of(ImageEditForm),
)
async def edit_image(request: Request) -> Response:
    """Judge the picture that was sent, then go on as for a generation that begins with it."""
    return await _change(request, edit_of)


@router.post(
    "/v1/images/variations",
    summary="Draw variations of a picture as the policy allows",
    response_class=Response,
    responses=responses.GENERATION,
    openapi_extra=responses.form_of(ImageVariationForm),
)
async def vary_image(request: Request) -> Response:
    """As an edit, without words."""
    return await _change(request, variation_of)


async def _change(request: Request, checked: Callable[[Form], ImageEditRequest]) -> Response:
    edge = edge_of(request)
    caller = edge.keys.authenticate(request, GENERATE)
    edge.admission.check(caller.tenant)
    settings = edge.service.settings
    form = await read_form(request, limit_bytes=settings.server.max_image_body_bytes)
    body = checked(form)
    model = body.model or settings.default_generator
    wanted = await to_edit_request(
        body,
        form,
        model=model,
        card=edge.service.generator_card(model),
        settings=settings,
        caller=caller,
        request_id=request_id_of(request),
    )
    return await _answer(edge, request, wanted, body)


async def _answer(
    edge: Edge, request: Request, wanted: ImageRequest, body: ImageGenerationRequest
) -> Response:
    if body.stream:
        return ImageStream(edge, request, wanted)
    place = edge.admission.slot(wanted.deadline_s, tenant=wanted.caller.tenant)
    async with WhileConnected(request), place as left_s:
        share_of(request).take(wanted.drawn_bytes)
        if left_s < wanted.deadline_s:
            wanted = replace(wanted, deadline_s=left_s)
        return await _generate(edge, request, wanted, body.response_format or "b64_json")


async def _generate(
    edge: Edge, request: Request, wanted: ImageRequest, response_format: Literal["b64_json", "url"]
) -> Response:
    if response_format == "url":
        return await _by_url(edge, request, wanted)
    outcome = await edge.service.generate(wanted)
    if isinstance(outcome, Blocked | Held):
        return refused_response(outcome, edge.service.checkpoint())
    return delivered_response(wanted, outcome, edge.service.checkpoint())


async def _by_url(edge: Edge, request: Request, wanted: ImageRequest) -> Response:
    """As `_generate`; the pictures are in their place before the record says that they left."""
    names: list[str] = []

    async def keep(images: Sequence[DeliveredImage]) -> None:
        for image in images:
            name = await edge.files.put(image.content, image.format)
            names.append(name)  # one by one: what was stored before a failure is deleted again

    try:
        outcome = await edge.service.generate(wanted, keep=keep)
    except BaseException:  # cancelled, too: nobody will ever get these names
        await edge.files.drop(names)
        raise
    if isinstance(outcome, Blocked | Held):
        return refused_response(outcome, edge.service.checkpoint())
    base = (edge.service.settings.server.public_url or str(request.base_url)).rstrip("/")
    urls = [f"{base}{FILES_PATH}{name}" for name in names]
    return delivered_response(wanted, outcome, edge.service.checkpoint(), urls=urls)


@files_router.get(
    FILES_PATH + "{name}",
    summary="Fetch a picture by its address",
    response_class=Response,
    responses=responses.FILE,
)
async def read_image_file(request: Request, name: str) -> Response:
    """The picture's bytes until its time is over. The name is the key: 128 random bits."""
    stored = await edge_of(request).files.get(name)
    if stored is None:
        raise NotFound("There is no such picture, or its time is over; ask for it again.")
    headers = {
        "cache-control": f"private, max-age={int(stored.left_s)}",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return Response(stored.content, headers=headers, media_type=f"image/{stored.format.value}")
