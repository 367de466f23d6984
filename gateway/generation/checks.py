"""A request checked against a backend's card, before any model runs; and pixels checked after it ran.

Duty: refuse by name what a backend does not honour (accepting and ignoring it would be a lie), and refuse
output that can't be a picture. It knows no model library. Field names in errors are the client's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from classifiers.protocol import Pixels
from gateway.core.errors import GenerationFailed, RequestInvalid
from gateway.core.ports import GenerationRequest, GeneratorCard

_GUIDANCE_LIMIT = 100.0
_ROUNDING = 0.01
"""How far outside [0, 1] a float picture may lie: decoders overshoot by rounding, not by more."""


def check_request(card: GeneratorCard, request: GenerationRequest) -> None:
    """Pass a request that this backend can honour in full.

    Raises:
        RequestInvalid: naming the client's field and the fix.
    """
    if not request.seeds:
        raise RequestInvalid("n must be at least 1", param="n")
    _check_size(card, request.width, request.height)
    _check_honoured(card, request)
    if request.steps is not None and not 1 <= request.steps <= card.max_steps:
        raise RequestInvalid(
            f"num_inference_steps must be 1 to {card.max_steps} for this model", param="num_inference_steps"
        )
    guidance = request.guidance_scale
    if guidance is not None and not (math.isfinite(guidance) and 0 <= guidance <= _GUIDANCE_LIMIT):
        raise RequestInvalid(
            f"guidance_scale must be a number from 0 to {_GUIDANCE_LIMIT:g}", param="guidance_scale"
        )
    if any(not 0 <= seed < 2**63 for seed in request.seeds):
        raise RequestInvalid("seed must be from 0 to 2^63 - 1", param="seed")


def check_source(request: GenerationRequest, steps: int, strength: float) -> None:
    """Pass a request whose picture, if it has one, fits the result and leaves at least one step to draw.

    Raises:
        RequestInvalid: naming the client's field and the fix.
    """
    source = request.source
    if source is None:
        return
    size = (request.height, request.width)
    if source.pixels.shape != (*size, 3) or (source.mask is not None and source.mask.shape != size):
        raise RequestInvalid("image: must have the size that is drawn", param="image")
    if not 0 < strength <= 1:
        raise RequestInvalid("strength: must be above 0 and at most 1", param="strength")
    if int(steps * strength) < 1:
        raise RequestInvalid(
            f"strength: with {steps} steps at least {1 / steps:.2f}, or nothing is drawn", param="strength"
        )


def _check_size(card: GeneratorCard, width: int, height: int) -> None:
    if card.sizes:
        if (width, height) not in card.sizes:
            allowed = ", ".join(f"{w}x{h}" for w, h in card.sizes)
            raise RequestInvalid(f"size must be one of {allowed} for this model", param="size")
        return
    step = card.size_step
    if width < step or height < step or width % step or height % step:
        raise RequestInvalid(f"size must be WIDTHxHEIGHT in multiples of {step} for this model", param="size")
    if width * height > card.max_pixels:
        raise RequestInvalid(f"size must have at most {card.max_pixels} pixels for this model", param="size")


def _check_honoured(card: GeneratorCard, request: GenerationRequest) -> None:
    source = request.source
    given = {
        "steps": ("num_inference_steps", request.steps is not None),
        "guidance_scale": ("guidance_scale", request.guidance_scale is not None),
        "negative_prompt": ("negative_prompt", request.negative_prompt is not None),
        "quality": ("quality", request.quality != "auto"),
        "background": ("background", request.background != "auto"),
        "style": ("style", request.style is not None),
        "preview": ("partial_images", request.preview_count > 0),
        "image": ("image", source is not None),
        "mask": ("mask", source is not None and source.mask is not None),
        "strength": ("strength", source is not None and source.strength is not None),
    }
    for parameter, (field, is_given) in given.items():
        if is_given and parameter not in card.parameters:
            raise RequestInvalid(f"{field} is not supported by this model; leave it out", param=field)


def as_pictures(output: object, *, count: int, width: int, height: int) -> tuple[Pixels, ...]:
    """Return `count` pictures of `height` × `width` × 3 uint8 from what a pipeline returned.

    Taken are uint8 arrays, float arrays in [0, 1] (N × H × W × 3) and PIL pictures.

    Raises:
        GenerationFailed: wrong count, wrong size, NaN, out of range, or a picture without one lit pixel
            (what half-precision overflow and a library's own censor leave behind).
    """
    if not isinstance(output, np.ndarray | Sequence) or isinstance(output, str | bytes):
        raise GenerationFailed("the image model answered with something that is not a list of pictures")
    if len(output) != count:
        raise GenerationFailed(f"the image model answered with {len(output)} pictures instead of {count}")
    return tuple(_as_picture(np.asarray(item), width, height) for item in output)


def _as_picture(array: npt.NDArray[np.generic], width: int, height: int) -> Pixels:
    if array.shape != (height, width, 3):
        raise GenerationFailed(f"the image model answered with shape {array.shape}, not {height}x{width}x3")
    if np.issubdtype(array.dtype, np.floating):
        floats = array.astype(np.float32)
        if not np.isfinite(floats).all():
            raise GenerationFailed("the image model answered with NaN")
        if floats.min() < -_ROUNDING or floats.max() > 1 + _ROUNDING:
            raise GenerationFailed("the image model answered with values outside [0, 1]")
        pixels = (floats.clip(0, 1) * 255).round().astype(np.uint8)
    elif array.dtype == np.uint8:
        pixels = np.ascontiguousarray(array).astype(np.uint8)
    else:
        raise GenerationFailed(f"the image model answered with {array.dtype} instead of 8-bit pixels")
    if not pixels.any():
        raise GenerationFailed("the image model answered with an all-black picture")
    return pixels
