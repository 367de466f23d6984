"""A drawing that begins with a picture instead of noise alone, for the embedded model.

Duty: the picture as the network sees it, noised to where the drawing begins, and kept outside a mask. The
noising is flow matching's own, x_t = (1 - t)·x0 + t·noise (see `emoji_pipeline`). Importing this module
imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from PIL import Image, ImageOps
from torch.nn.functional import pixel_unshuffle

SIDE: Final = 64
"""Pixels of the network's picture."""
PATCH: Final = 4


class PictureStart:
    """Where a batch begins: one picture per row, its noise, and where it may be repainted."""

    def __init__(
        self, images: Sequence[Image.Image], masks: Sequence[Image.Image] | None, noise: torch.Tensor
    ) -> None:
        """Take RGB pictures and grey masks (255 = repaint), all of the result's size.

        `noise` is N × 48 × 16 × 16.

        Raises:
            ValueError: unequal numbers of pictures, masks and rows of noise.
        """
        if len(images) != len(noise) or (masks is not None and len(masks) != len(images)):
            raise ValueError(f"{len(images)} pictures and their masks do not fit {len(noise)} drawings")
        self._noise = noise
        self._whole = torch.stack([_tensor(image.convert("RGB")) for image in images]).to(noise.device)
        small = torch.stack([_tensor(_small(image.convert("RGB"))) for image in images])
        self._clean = (pixel_unshuffle(small, PATCH) * 2 - 1).to(noise.device)
        self._anew: torch.Tensor | None = None
        self._anew_small: torch.Tensor | None = None
        if masks is not None:
            grey = [mask.convert("L") for mask in masks]
            self._anew = torch.stack([_tensor(mask) for mask in grey]).to(noise.device)
            shrunk = torch.stack([_tensor(_small(mask)) for mask in grey]).expand(-1, 3, -1, -1)
            self._anew_small = (pixel_unshuffle(shrunk, PATCH) > 0).float().to(noise.device)

    def at(self, sigma: float) -> torch.Tensor:
        """Return the pictures with so much noise, 0..1."""
        return (1 - sigma) * self._clean + sigma * self._noise

    def kept(self, latents: torch.Tensor, sigma: float) -> torch.Tensor:
        """Return the latents with the picture itself, at this noise, outside the mask."""
        if self._anew_small is None:
            return latents
        return self._anew_small * latents + (1 - self._anew_small) * self.at(sigma)

    def finished(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return N × 3 × H × W in [0,1] with the very pixels of the picture outside the mask."""
        if self._anew is None or self._anew.shape[-2:] != pictures.shape[-2:]:
            return pictures
        return self._anew * pictures + (1 - self._anew) * self._whole


def _small(image: Image.Image) -> Image.Image:
    # The network draws the square in the middle: the rest of an oblong picture is beyond it.
    smooth = Image.Resampling.LANCZOS if image.mode == "RGB" else Image.Resampling.BOX
    return ImageOps.fit(image, (SIDE, SIDE), smooth)


def _tensor(image: Image.Image) -> torch.Tensor:
    """C × H × W in [0,1]."""
    array = np.atleast_3d(np.asarray(image, dtype=np.float32)) / 255
    return torch.from_numpy(array).permute(2, 0, 1).contiguous()
