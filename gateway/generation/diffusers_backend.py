"""Any text-to-image pipeline of diffusers as an image generator: a hub id at a pinned commit, or a folder.

Duty: a request → one call of the pipeline, with progress, previews and cancelling. It judges nothing. The
queue and the thread are `batch_worker`'s, the call itself is `diffusers_painter`'s.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Literal

from gateway.core.adapter_options import parse_options
from gateway.core.errors import RequestInvalid
from gateway.core.ports import Generated, GenerationEvent, GenerationRequest, GeneratorCard, ModelIdentity
from gateway.generation.batch_worker import BatchWorker
from gateway.generation.checks import check_request, check_source
from gateway.generation.diffusers_loading import PipelineClass
from gateway.generation.diffusers_options import DiffusersOptions, parse_size
from gateway.generation.diffusers_painter import DiffusersPainter
from gateway.generation.tickets import BatchKey, Ticket


class DiffusersGenerator:
    """One pipeline behind its own thread and queue.

    Before `start` the card names what the options say; from `start` on it also holds the weights' sha256 and
    what the pipeline was found to honour (`negative_prompt`, `guidance_scale`, `preview`).
    """

    def __init__(
        self, name: str, options: DiffusersOptions, *, pipeline_class: PipelineClass | None = None
    ) -> None:
        self._options = options
        self._painter = DiffusersPainter(options, pipeline_class)
        self._worker = BatchWorker(
            name,
            self._painter,
            max_batch=options.max_batch,
            queue_limit=options.queue_limit,
            profile={parse_size(size): most for size, most in options.batch_profile.items()},
        )
        self._card = GeneratorCard(
            name=name,
            identity=ModelIdentity("generator", options.model_name, options.revision or "unread"),
            default_size=parse_size(options.default_size),
            sizes=tuple(parse_size(size) for size in options.sizes),
            max_pixels=options.max_pixels,
            max_steps=options.max_steps,
            parameters=frozenset({"seed", "steps"}),
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> DiffusersGenerator:
        """Make one from settings.

        Raises:
            ConfigurationError: an unknown or ill-typed option, a hub id without a commit.
        """
        return cls(name, parse_options(DiffusersOptions, f"generator {name!r}", options))

    @property
    def card(self) -> GeneratorCard:
        """What this backend can do."""
        return self._card

    async def start(self) -> None:
        """Load and draw one picture for warming up.

        Raises:
            ConfigurationError: the model can't be loaded as the options say, or draws nothing at its default.
        """
        await self._worker.start()
        loaded = self._painter.loaded
        previews = {"preview"} if self._painter.previewer is not None else set()
        self._card = replace(
            self._card,
            identity=ModelIdentity(
                "generator",
                self._options.model_name,
                self._options.revision or loaded.sha256[:12],
                loaded.sha256,
            ),
            size_step=loaded.size_step,
            parameters=loaded.parameters | previews,
            default_guidance=None if "true_cfg_scale" in loaded.accepts else loaded.default_guidance,
        )

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        """Yield progress, then the pictures; see `ImageGenerator.generate`.

        Raises:
            RequestInvalid: a parameter that this model does not honour.
            GenerationFailed: the pipeline failed or answered nonsense, or its thread is gone.
            Overloaded: the queue is full.
            StageTimeout: `timeout_s` passed, waiting in the queue included.
        """
        check_request(self._card, request)
        check_source(request, request.steps or self._options.default_steps, self._strength(request))
        self._check_sides(request)
        ticket = Ticket(request, self._key(request))
        self._worker.submit(ticket)
        try:
            while True:
                event = await ticket.next_event()
                yield event
                if isinstance(event, Generated):
                    return
        finally:
            ticket.cancel()

    async def close(self) -> None:
        """Stop drawing and give the model back; idempotent."""
        await self._worker.close()

    def _check_sides(self, request: GenerationRequest) -> None:
        shortest, longest = sorted((request.width, request.height))
        low, high = self._options.min_side, self._options.max_side
        if not self._options.sizes and not low <= shortest <= longest <= high:
            raise RequestInvalid(
                f"size must have sides of {low} to {high} pixels for this model", param="size"
            )

    def _key(self, request: GenerationRequest) -> BatchKey:
        guidance = request.guidance_scale
        if guidance is None:
            guidance = self._options.guidance_scale
        if request.negative_prompt is not None and not self._painter.heeds_negative(guidance):
            raise RequestInvalid(
                "negative_prompt has no effect with a guidance_scale of 1 or less; raise it or leave it out",
                param="negative_prompt",
            )
        return BatchKey(
            width=request.width,
            height=request.height,
            steps=request.steps or self._options.default_steps,
            guidance_scale=guidance,
            has_negative=request.negative_prompt is not None,
            begins_with=_begins_with(request),
            strength=None if request.source is None else self._strength(request),
        )

    def _strength(self, request: GenerationRequest) -> float:
        source = request.source
        return self._options.strength if source is None or source.strength is None else source.strength


def _begins_with(request: GenerationRequest) -> Literal["noise", "image", "mask"]:
    if request.source is None:
        return "noise"
    return "image" if request.source.mask is None else "mask"
