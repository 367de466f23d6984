"""Enlarges the small drawn pictures cleanly: no staircase, no ringing.

Duty: arrays in, arrays out; knows no prompt and no network. Every doubling is a bicubic enlargement whose
values are pushed towards the lightest or the darkest neighbour, whichever is nearer, so that an edge stays
an edge. A value never leaves the range of its neighbours, hence no halo.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.functional import interpolate, pad, unfold


def upscale(pictures: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Return N × 3 × `height` × `width` float in [0,1] from square N × 3 × S × S float in [0,1].

    Where `width` and `height` differ, the square picture stands in the middle, on its own border colour.
    """
    # One at a time: a picture fits the processor's cache, a batch does not.
    return torch.cat([_enlarged(picture[None], width, height) for picture in pictures])


def _enlarged(pictures: torch.Tensor, width: int, height: int) -> torch.Tensor:
    side = min(width, height)
    big = settle_background(calm(pictures))
    while big.shape[-1] * 2 <= side:
        big = _double(big)
    if big.shape[-1] != side:
        shape = (side, side)
        big = interpolate(big, shape, mode="bicubic", align_corners=False, antialias=side < big.shape[-1])
    big = big.clamp_(0, 1)
    if width == height:
        return big
    left, top = (width - side) // 2, (height - side) // 2
    canvas = border_colour(pictures)[:, :, None, None].repeat(1, 1, height, width)
    canvas[:, :, top : top + side, left : left + side] = big
    return canvas


def border_colour(pictures: torch.Tensor) -> torch.Tensor:
    """Return N × 3, the median colour of each picture's outermost pixels."""
    edges = (pictures[:, :, 0], pictures[:, :, -1], pictures[:, :, :, 0], pictures[:, :, :, -1])
    return torch.cat(edges, -1).median(-1).values


def settle_background(pictures: torch.Tensor, tolerance: float = 0.06) -> torch.Tensor:
    """Return the pictures with pixels within `tolerance` of the border colour moved onto it, softly."""
    colour = border_colour(pictures)[:, :, None, None]
    colour = torch.where(colour > 1 - tolerance, torch.ones_like(colour), colour)
    far = (pictures - colour).abs().amax(1, keepdim=True)
    keep = ((far - tolerance / 2) / (tolerance / 2)).clamp(0, 1)
    return colour + (pictures - colour) * keep


def calm(pictures: torch.Tensor, tolerance: float = 0.1, reach: int = 2) -> torch.Tensor:
    """Return the pictures with faint texture averaged away and edges kept (a bilateral filter).

    Each pixel becomes the mean of its neighbours up to `reach` away, weighted by likeness of colour:
    a difference of `tolerance` counts e^-0.5. It takes out the faint 4-pixel grid of the network's patches.
    """
    count, channels, height, width = pictures.shape
    window = 2 * reach + 1
    around = unfold(pad(pictures, (reach,) * 4, mode="replicate"), window)
    around = around.view(count, channels, window * window, height, width)
    distance = (around - pictures[:, :, None]).square().sum(1, keepdim=True)
    weight = torch.exp(distance / (-2 * tolerance**2))
    return (around * weight).sum(2) / weight.sum(2)


def _double(pictures: torch.Tensor) -> torch.Tensor:
    # Plane by plane and in place where it can be: a plane fits the processor's cache, a picture does not.
    return torch.cat([_double_plane(plane) for plane in torch.split(pictures, 1, 1)], 1)


def _double_plane(plane: torch.Tensor) -> torch.Tensor:
    # `antialias` changes nothing in an enlargement but the kernel: it is the one three times as quick.
    smooth = interpolate(plane, scale_factor=2, mode="bicubic", align_corners=False, antialias=True)
    high, low = _around(plane, torch.maximum), _around(plane, torch.minimum)
    span = interpolate((high - low).clamp_(min=1e-4), scale_factor=2, mode="bilinear", align_corners=False)
    low = interpolate(low, scale_factor=2, mode="bilinear", align_corners=False)
    place = smooth.sub_(low).div_(span).clamp_(0, 1)
    steep = (place * -2).add_(3).mul_(place).mul_(place)
    return steep.mul_(span).add_(low)


def _around(
    pictures: torch.Tensor, furthest: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Each value's largest or smallest among itself and its eight neighbours."""
    wide = pad(pictures, (1, 1, 1, 1), mode="replicate")
    rows = furthest(furthest(wide[..., :-2, :], wide[..., 1:-1, :]), wide[..., 2:, :])
    return furthest(furthest(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])
