"""Have the pictures drawn by the backend that the request names, and put on record what drew them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing

from gateway.boundary import plugin_boundary, relayed
from gateway.errors import GenerationFailed, RequestInvalid
from gateway.ports import (
    Generated,
    GenerationRequest,
    ImageGenerator,
    Json,
    Picture,
)
from gateway.previews import Previews
from gateway.requests import ImageRequest
from gateway.trail import Trail


class Drawing:
    """Turns an allowed prompt into n pictures through the backend that the request names."""

    def __init__(self, generators: Mapping[str, ImageGenerator]) -> None:
        self._generators = generators

    async def run(
        self,
        request: ImageRequest,
        prompt: str,
        trail: Trail,
        previews: Previews | None,
    ) -> tuple[Picture, ...]:
        """Return one picture per seed, in order; closing or cancelling stops the backend within a step.

        Raises:
            GenerationFailed: the backend failed or gave something else than n pictures.
            RequestInvalid, Overloaded, StageTimeout: as the backend says.
        """
        generator = self._generators.get(request.model)
        if generator is None:
            raise RequestInvalid("There is no such model; see /v1/models.", param="model")
        started_ns = time.monotonic_ns()
        wanted = _generation(request, prompt)
        pictures: tuple[Picture, ...] | None = None
        with plugin_boundary(GenerationFailed, "The image backend"):
            async with aclosing(relayed(generator.generate(wanted))) as events:
                async for event in events:
                    if isinstance(event, Generated):
                        pictures = event.pictures
                    elif previews is not None:
                        await previews.show(event)
        if not _is_complete(pictures, request.n):
            raise GenerationFailed("The image backend did not give the pictures asked for.")
        trail.generated(
            model=generator.card.identity,
            seeds=wanted.seeds,
            parameters=_parameters(wanted),
            negative_prompt=wanted.negative_prompt,
            latency_us=(time.monotonic_ns() - started_ns) // 1000,
        )
        return pictures or ()


def _generation(request: ImageRequest, prompt: str) -> GenerationRequest:
    return GenerationRequest(
        request_id=request.id,
        prompt=prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        seeds=tuple(request.seed + index for index in range(request.n)),
        steps=request.steps,
        guidance_scale=request.guidance_scale,
        preview_count=request.partial_images,
        quality=request.quality,
        background=request.background,
        style=request.style,
        timeout_s=request.deadline_s,
    )


def _parameters(wanted: GenerationRequest) -> dict[str, Json]:
    guidance = wanted.guidance_scale
    return {
        "background": wanted.background,
        "guidance_millionths": None if guidance is None else round(guidance * 1_000_000),
        "height": wanted.height,
        "quality": wanted.quality,
        "steps": wanted.steps,
        "style": wanted.style,
        "width": wanted.width,
    }


def _is_complete(pictures: Sequence[object] | None, n: int) -> bool:
    return pictures is not None and len(pictures) == n and all(isinstance(p, Picture) for p in pictures)
