"""Have the pictures drawn by the backend that the request names, and put on record what drew them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from gateway.core.boundary import last_of, leashed, plugin_boundary, relayed
from gateway.core.errors import GatewayError, GenerationFailed, RequestInvalid
from gateway.core.ports import (
    Generated,
    GenerationEvent,
    GenerationRequest,
    GeneratorCard,
    ImageGenerator,
    Json,
    Picture,
    Progress,
)
from gateway.core.prompt_syntax import control_syntax
from gateway.core.requests import ImageRequest
from gateway.pipeline.previews import Previews
from gateway.pipeline.trail import Trail


@dataclass(frozen=True, slots=True)
class Regeneration:
    """Pictures that are drawn again: how often they were (from 1), their new seeds, and what to leave out.

    `avoid` joins the negative prompt where the backend has one. `timeout_s` is what is left of the request.
    """

    attempt: int
    seeds: tuple[int, ...]
    avoid: str
    timeout_s: float


class Drawing:
    """Turns an allowed prompt into n pictures through the backend that the request names."""

    def __init__(self, generators: Mapping[str, ImageGenerator]) -> None:
        self._generators = generators

    def check(self, request: ImageRequest) -> None:
        """Pass a request whose prompts hold words alone, and whose negative prompt only keeps things out.

        Before any model runs. Guidance goes from the negative prompt through the prompt: at 1 it stops at the
        prompt, and below, the picture is drawn towards what the negative prompt says (Ho and Salimans 2022,
        equation 6).

        Raises:
            RequestInvalid: there is no such model, a prompt holds control syntax that this backend refuses,
                or the guidance that would be used is 1 or less.
        """
        card = self._generator(request).card
        _check_words("prompt", request.prompt, card)
        _check_words("negative_prompt", request.negative_prompt or "", card)
        if request.negative_prompt is not None and not _heeds_negative(request, card):
            raise RequestInvalid(
                "negative_prompt: it needs a guidance_scale above 1, or it would have no effect or be drawn; "
                "raise guidance_scale, or leave negative_prompt out.",
                param="negative_prompt",
            )

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
        generator = self._generator(request)
        _check_words("prompt", prompt, generator.card)  # a rewrite is no way round
        started_ns = time.monotonic_ns()
        wanted = _generation(request, prompt)
        pictures = await _drawn(generator, wanted, previews)
        _record(trail, generator, wanted, started_ns)
        return pictures

    async def regenerate(
        self, request: ImageRequest, prompt: str, trail: Trail, again: Regeneration
    ) -> tuple[Picture, ...] | None:
        """Return one picture per new seed, or None when the backend failed; either is on record.

        A failure here takes nothing from the pictures that may leave already: the others stay withheld.
        """
        generator = self._generator(request)
        started_ns = time.monotonic_ns()
        wanted = _again(request, prompt, again, generator.card)
        try:
            pictures = await _drawn(generator, wanted, None)
        except (GatewayError, TimeoutError) as error:
            _record(trail, generator, wanted, started_ns, attempt=again.attempt, failure=type(error).__name__)
            return None
        _record(trail, generator, wanted, started_ns, attempt=again.attempt)
        return pictures

    def _generator(self, request: ImageRequest) -> ImageGenerator:
        generator = self._generators.get(request.model)
        if generator is None:
            raise RequestInvalid("There is no such model; see /v1/models.", param="model")
        return generator


async def _drawn(
    generator: ImageGenerator, wanted: GenerationRequest, previews: Previews | None
) -> tuple[Picture, ...]:
    with plugin_boundary(GenerationFailed, "The image backend"):
        events = generator.generate(wanted)
        last = await (leashed(last_of(events)) if previews is None else _shown(events, previews))
    pictures = last.pictures if isinstance(last, Generated) else None
    if not _is_complete(pictures, len(wanted.seeds)):
        raise GenerationFailed("The image backend did not give the pictures asked for.")
    return pictures or ()


async def _shown(events: AsyncIterator[GenerationEvent], previews: Previews) -> GenerationEvent | None:
    """Show each step as it comes; return the last event."""
    last: GenerationEvent | None = None
    async with aclosing(relayed(events)) as relay:
        async for last in relay:
            if isinstance(last, Progress):
                await previews.show(last)
    return last


def _check_words(field: str, text: str, card: GeneratorCard) -> None:
    found = control_syntax(text, card.refused_syntax)
    if found is not None:
        raise RequestInvalid(
            f"{field}: it holds {found.what}, which this model's server would read as an order; take it out.",
            param=field,
        )


def _generation(request: ImageRequest, prompt: str) -> GenerationRequest:
    return GenerationRequest(
        request_id=_call_id(request),
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
        source=request.source,
    )


def _call_id(request: ImageRequest) -> str:
    """The request's id within its tenant: clients choose theirs, and two of them may choose the same.

    Unambiguous, since a request's id holds neither `/` nor `#`.
    """
    return f"{request.caller.tenant}/{request.id}"


def _again(request: ImageRequest, prompt: str, again: Regeneration, card: GeneratorCard) -> GenerationRequest:
    """The same request with new seeds and, where it has an effect, the concept to leave out."""
    negative = request.negative_prompt
    if "negative_prompt" in card.parameters and _heeds_negative(request, card):
        negative = again.avoid if negative is None else f"{negative}, {again.avoid}"
    return replace(
        _generation(request, prompt),
        # An upstream must not answer with the first drawing.
        request_id=f"{_call_id(request)}#{again.attempt}",
        seeds=again.seeds,
        negative_prompt=negative,
        preview_count=0,
        timeout_s=again.timeout_s,
    )


def _heeds_negative(request: ImageRequest, card: GeneratorCard) -> bool:
    """False when the guidance in use is 1 or less, or no number; an upstream may keep its own to itself."""
    guidance = card.default_guidance if request.guidance_scale is None else request.guidance_scale
    return guidance is None or guidance > 1


def _record(
    trail: Trail,
    generator: ImageGenerator,
    wanted: GenerationRequest,
    started_ns: int,
    *,
    attempt: int = 0,
    failure: str | None = None,
) -> None:
    trail.generated(
        model=generator.card.identity,
        seeds=wanted.seeds,
        parameters=_parameters(wanted),
        negative_prompt=wanted.negative_prompt,
        latency_us=(time.monotonic_ns() - started_ns) // 1000,
        attempt=attempt,
        failure=failure,
    )


def _parameters(wanted: GenerationRequest) -> dict[str, Json]:
    guidance, source = wanted.guidance_scale, wanted.source
    strength = source.strength if source is not None else None
    return {
        "background": wanted.background,
        "from_picture": source is not None,
        "masked": source is not None and source.mask is not None,
        "strength_millionths": None if strength is None else round(strength * 1_000_000),
        "guidance_millionths": None if guidance is None else round(guidance * 1_000_000),
        "height": wanted.height,
        "quality": wanted.quality,
        "steps": wanted.steps,
        "style": wanted.style,
        "width": wanted.width,
    }


def _is_complete(pictures: Sequence[object] | None, n: int) -> bool:
    return pictures is not None and len(pictures) == n and all(isinstance(p, Picture) for p in pictures)
