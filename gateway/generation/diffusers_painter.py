"""One batch of pictures → one call of a diffusers pipeline, inside the worker's thread.

Duty: the pipeline's arguments, its callback, its output. It knows no queue and no event loop.

A picture's noise comes from its own seed on the CPU, so it depends neither on its neighbours in a batch (but
for the rounding of batched arithmetic, about one level of 255) nor on the device.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from PIL import Image

from classifiers.protocol import Pixels
from gateway.core.errors import ConfigurationError, GenerationFailed
from gateway.generation.batch_worker import OnStep, Stroke
from gateway.generation.checks import as_pictures
from gateway.generation.diffusers_loading import LoadedPipeline, PipelineClass, load_pipeline
from gateway.generation.diffusers_options import DiffusersOptions, parse_size
from gateway.generation.previews import Previewer, find_previewer
from gateway.generation.tickets import BatchKey

_WARMUP_STEPS: Final = 2
_Watch = Callable[[int, Any], None]


class DiffusersPainter:
    """Draws batches with one pipeline; lives in the worker's thread."""

    def __init__(self, options: DiffusersOptions, pipeline_class: PipelineClass | None) -> None:
        self._options = options
        self._pipeline_class = pipeline_class
        self._loaded: LoadedPipeline | None = None
        self.previewer: Previewer | None = None

    @property
    def loaded(self) -> LoadedPipeline:
        """The pipeline.

        Raises:
            GenerationFailed: it is not loaded (yet, or any more).
        """
        if self._loaded is None:
            raise GenerationFailed("the image model is not loaded")
        return self._loaded

    def load(self) -> None:
        """Load, and draw one small batch so that the first request finds everything warm.

        Raises:
            ConfigurationError: the model can't be loaded, or draws nothing at its default size.
        """
        self._loaded = load_pipeline(self._options, self._pipeline_class)
        self.previewer = find_previewer(self._loaded.pipe, self._options.preview)
        width, height = parse_size(self._options.default_size)
        step = self._loaded.size_step
        if width % step or height % step:
            raise ConfigurationError(f"option default_size: must be multiples of {step} for this model")
        if self._options.warmup:
            self._warm_up(width, height)

    def paint(self, key: BatchKey, strokes: Sequence[Stroke], on_step: OnStep) -> Sequence[Pixels]:
        """Return one picture per stroke; raises what `on_step` raises, or any error of the library."""
        import torch

        loaded = self.loaded
        watch = functools.partial(self._watch, key, on_step)
        try:
            pipe = {"noise": loaded.pipe, "image": loaded.with_image, "mask": loaded.with_mask}[
                key.begins_with
            ]
            accepts = frozenset(inspect.signature(type(pipe).__call__).parameters)
            with torch.no_grad(), _steps_of(pipe, accepts, watch) as hooks:
                output = pipe(**self._call(key, strokes, accepts), **hooks)
        finally:
            # An abandoned call leaves the offloaded part on the accelerator.
            if self._options.enable_model_cpu_offload or self._options.enable_sequential_cpu_offload:
                loaded.pipe.maybe_free_model_hooks()
        return as_pictures(output.images, count=len(strokes), width=key.width, height=key.height)

    def unload(self) -> None:
        """Drop the pipeline."""
        self._loaded = self.previewer = None

    def heeds_negative(self, guidance_scale: float | None) -> bool:
        """False when this guidance switches the negative prompt off."""
        if "true_cfg_scale" in self.loaded.accepts:
            return self._options.true_cfg_scale is not None
        effective = self.loaded.default_guidance if guidance_scale is None else guidance_scale
        return effective is None or effective > 1

    def _warm_up(self, width: int, height: int) -> None:
        guidance = self._options.guidance_scale
        key = BatchKey(width, height, min(_WARMUP_STEPS, self._options.max_steps), guidance, False)
        try:
            self.paint(key, [Stroke("a red apple", None, 0)], lambda *_: None)
        except GenerationFailed as error:
            raise ConfigurationError(f"option model: {error.message} while warming up") from error
        except (RuntimeError, ValueError, TypeError, ZeroDivisionError, KeyError, AttributeError) as error:
            raise ConfigurationError(
                f"option model: the model fails at its default size ({type(error).__name__})"
            ) from error

    def _call(self, key: BatchKey, strokes: Sequence[Stroke], accepts: frozenset[str]) -> dict[str, Any]:
        import torch

        call: dict[str, Any] = {
            **self._options.call_options,
            "prompt": [stroke.prompt for stroke in strokes],
            "width": key.width,
            "height": key.height,
            "num_inference_steps": key.steps,
            "generator": [torch.Generator("cpu").manual_seed(stroke.seed) for stroke in strokes],
        }
        call |= _pictures(key, strokes)
        if "output_type" in self.loaded.accepts:
            call["output_type"] = "np"  # floats: NaN is still visible in them
        if key.guidance_scale is not None and "guidance_scale" in self.loaded.accepts:
            call["guidance_scale"] = key.guidance_scale
        if key.has_negative:
            call["negative_prompt"] = [stroke.negative_prompt or "" for stroke in strokes]
            if self._options.true_cfg_scale is not None and "true_cfg_scale" in self.loaded.accepts:
                call["true_cfg_scale"] = self._options.true_cfg_scale
        # The form that begins with a picture may take its size from it.
        return call if key.begins_with == "noise" else {n: v for n, v in call.items() if n in accepts}

    def _watch(self, key: BatchKey, on_step: OnStep, index: int, latents: Any) -> None:
        steps = _steps(key, self.loaded.pipe)
        previewer = self.previewer

        def previews() -> Sequence[Pixels]:
            if previewer is None or latents is None:
                return ()
            return previewer(latents, key.width, key.height)

        on_step(min(index + 1, steps), steps, previews)


def _pictures(key: BatchKey, strokes: Sequence[Stroke]) -> dict[str, Any]:
    """The call's arguments for strokes that begin with a picture."""
    sources = [stroke.source for stroke in strokes if stroke.source is not None]
    if key.begins_with == "noise" or len(sources) != len(strokes):
        return {}
    call: dict[str, Any] = {
        "image": [Image.fromarray(source.pixels) for source in sources],
        "strength": key.strength,
    }
    if key.begins_with == "mask":
        masks = [source.mask for source in sources if source.mask is not None]
        call["mask_image"] = [Image.fromarray(mask.astype(np.uint8) * 255) for mask in masks]
    return call


def _steps(key: BatchKey, pipe: Any) -> int:
    if key.strength is not None:
        return max(1, int(key.steps * key.strength))
    return getattr(pipe, "num_timesteps", None) or key.steps


@contextmanager
def _steps_of(pipe: Any, accepts: frozenset[str], watch: _Watch) -> Iterator[dict[str, Any]]:
    """Yield the call's arguments that make `watch(index, latents)` run after each step."""
    if "callback_on_step_end" in accepts:

        def on_step_end(_pipe: Any, index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            watch(index, tensors.get("latents"))
            return tensors

        yield {"callback_on_step_end": on_step_end}
        return
    # Older pipelines have no callback; every one steps its scheduler.
    scheduler, step, taken = pipe.scheduler, pipe.scheduler.step, iter(range(2**31))

    @functools.wraps(step)  # pipelines look at the signature
    def watched_step(*args: Any, **kwargs: Any) -> Any:
        stepped = step(*args, **kwargs)
        watch(next(taken), None)
        return stepped

    scheduler.step = watched_step
    try:
        yield {}
    finally:
        del scheduler.step
