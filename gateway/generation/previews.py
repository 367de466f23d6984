"""Coarse pictures of a generation that is still running.

Duty: latents → one small picture each, cheaply. It knows no queue and judges nothing; a preview is as
dangerous as a picture and is judged, or blurred, before it leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from classifiers.protocol import Pixels
from gateway.core.errors import GenerationFailed

Latents: TypeAlias = Any
"""A torch tensor, as `callback_on_step_end` hands it over."""

Previewer: TypeAlias = Callable[[Latents, int, int], list[Pixels]]
"""`previewer(latents, width, height)` → one H × W × 3 uint8 picture per latent, of any size."""

# Linear maps from the four latent channels to RGB in [-1, 1], as (rows of factors, bias).
# Source for Stable Diffusion 1 and 2: K. Turner, "Decoding latents to RGB without upscaling", Hugging Face
# forum, 2022. For SDXL: T. A. Vass, "Explaining the SDXL latent space", Hugging Face blog, 2024 (there in
# 0..255; here shifted and scaled).
_SD = (
    ((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473)),
    (0.0, 0.0, 0.0),
)
_SDXL = (
    tuple(
        tuple(v / 127.5 for v in row) for row in ((60, 60, 60), (-60, -5, 10), (25, 15, -5), (-70, -50, -35))
    ),
    tuple(v / 127.5 - 1 for v in (150, 140, 130)),
)
_LINEAR: Final = {0.18215: _SD, 0.13025: _SDXL}
"""By the VAE's `scaling_factor`, which tells the two latent spaces apart."""


def find_previewer(pipe: Any, mode: Literal["auto", "vae", "off"]) -> Previewer | None:
    """Return how this pipeline's latents are shown, or None when they can't be."""
    if mode == "off":
        return None
    vae = getattr(pipe, "vae", None)
    if mode == "vae":
        return None if vae is None else lambda latents, width, height: _decoded(pipe, latents, width, height)
    if callable(getattr(pipe, "preview", None)):
        return lambda latents, _width, _height: to_pixels(pipe.preview(latents))
    packed = hasattr(pipe, "_unpack_latents")  # Flux and its kin keep latents as a row of patches
    if vae is not None and not packed and getattr(vae.config, "latent_channels", None) == 4:
        linear = _LINEAR.get(round(float(vae.config.scaling_factor), 5))
        if linear is not None:
            return lambda latents, _width, _height: _approximated(latents, linear)
    return None


def to_pixels(pictures: Any) -> list[Pixels]:
    """N × H × W × 3 uint8, or float in [0, 1], or a tensor of these → a list of pictures.

    Raises:
        GenerationFailed: another shape.
    """
    if hasattr(pictures, "detach"):
        pictures = (
            pictures.detach().float().cpu().numpy()
            if pictures.is_floating_point()
            else pictures.cpu().numpy()
        )
    array = np.asarray(pictures)
    if array.ndim != 4 or array.shape[3] != 3:
        raise GenerationFailed(f"the pipeline's preview has shape {array.shape}, not N x H x W x 3")
    if array.dtype != np.uint8:
        # A preview may hold NaN early on; grey says nothing, and the final picture is checked for it.
        array = (np.nan_to_num(array, nan=0.5).clip(0, 1) * 255).round().astype(np.uint8)
    return [np.ascontiguousarray(picture) for picture in array]


def _approximated(latents: Latents, linear: tuple[Any, Any]) -> list[Pixels]:
    factors, bias = (np.array(part, dtype=np.float32) for part in linear)
    channels = latents.detach().float().cpu().numpy().transpose(0, 2, 3, 1)
    return to_pixels((channels @ factors + bias + 1) / 2)


def _decoded(pipe: Any, latents: Latents, width: int, height: int) -> list[Pixels]:
    import torch

    vae = pipe.vae
    unpack = getattr(pipe, "_unpack_latents", None)
    if unpack is not None and latents.ndim == 3:
        latents = unpack(latents, height, width, pipe.vae_scale_factor)
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    with torch.no_grad():
        latents = (latents / vae.config.scaling_factor + shift).to(vae.dtype)
        decoded = vae.decode(latents, return_dict=False)[0]
    return to_pixels((decoded.float() / 2 + 0.5).permute(0, 2, 3, 1))
