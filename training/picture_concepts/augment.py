"""From sprites to training pictures: B x 3 x side x side in [-1, 1], one to three things each.

Placed, turned, mirrored, tinted, on flat or shaded grounds, softened as an enlarged small drawing is. Works
on tensors alone; the random numbers are the generator's.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def placed(
    sprites: torch.Tensor,
    scale: torch.Tensor,
    turn: torch.Tensor,
    shift: torch.Tensor,
    mirror: torch.Tensor,
    aspect: torch.Tensor,
    *,
    side: int,
    fine: int = 1,
) -> torch.Tensor:
    """B x 4 x h x w premultiplied -> B x 4 x side x side at `scale` of the side, turned (radians), shifted.

    Drawn `fine` times as large and averaged; 1 is cheaper.
    """
    cos, sin = torch.cos(turn) / scale, torch.sin(turn) / scale
    theta = torch.zeros(len(sprites), 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = cos * mirror * aspect, sin * mirror
    theta[:, 1, 0], theta[:, 1, 1] = -sin, cos / aspect
    theta[:, :, 2] = -(theta[:, :, :2] @ shift.unsqueeze(-1)).squeeze(-1)
    grid = functional.affine_grid(theta, [len(sprites), 4, side * fine, side * fine], align_corners=False)
    drawn = functional.grid_sample(sprites, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return functional.avg_pool2d(drawn, fine) if fine > 1 else drawn


def random_placed(
    sprites: torch.Tensor,
    low: float,
    high: float,
    rng: torch.Generator,
    *,
    side: int,
    fine: int = 1,
    filling: float = 0.0,
) -> torch.Tensor:
    """Each sprite at a random size in [low, high] of the side, wholly inside where that is possible.

    A part of them (`filling`, in [0, 1]) fills most of the picture and stands upright, as icons are drawn.
    """
    count = len(sprites)
    fills = (torch.rand(count, generator=rng) < filling).float()
    share = torch.rand(count, generator=rng)
    scale = low + (high - low) * share
    scale = torch.where(fills > 0, high - 0.2 * share, scale)
    room = (1.05 - scale).clamp(0.05)
    shift = (torch.rand(count, 2, generator=rng) * 2 - 1) * room[:, None]
    turn = torch.randn(count, generator=rng) * 0.22 * (1 - 0.8 * fills)
    mirror = (torch.rand(count, generator=rng) < 0.5).float() * 2 - 1
    aspect = torch.exp(torch.randn(count, generator=rng) * 0.08)
    return placed(sprites, scale, turn, shift, mirror, aspect, side=side, fine=fine)


def grounds(count: int, rng: torch.Generator, *, side: int) -> torch.Tensor:
    """Backgrounds B x 3 x side x side: white, flat, or a gradient of two colours."""
    first, second = torch.rand(2, count, 3, 1, 1, generator=rng)
    kind = torch.rand(count, 1, 1, 1, generator=rng)
    ramp = torch.linspace(0, 1, side).view(1, 1, side, 1).expand(count, 3, side, side)
    across = (torch.rand(count, 1, 1, 1, generator=rng) < 0.5).float()
    ramp = across * ramp.transpose(2, 3) + (1 - across) * ramp
    shaded = first * ramp + second * (1 - ramp)
    flat = first.expand(-1, -1, side, side)
    white = torch.ones(count, 3, side, side)
    return torch.where(kind < 0.45, white, torch.where(kind < 0.75, flat, shaded))


def over(canvas: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Premultiplied `drawn` (B x 4) over `canvas` (B x 3)."""
    return canvas * (1 - drawn[:, 3:]) + drawn[:, :3]


def tinted(drawn: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Colours of a sprite mixed (hue), brightened or darkened; premultiplied stays premultiplied."""
    count = len(drawn)
    angle = torch.randn(count, generator=rng) * 0.35 * (torch.rand(count, generator=rng) < 0.7)
    wild = torch.rand(count, generator=rng) < 0.12
    angle = torch.where(wild, torch.rand(count, generator=rng) * 6.283, angle)
    cos, third, root = torch.cos(angle), 1 / 3, (1 / 3) ** 0.5
    sin = torch.sin(angle)
    same, left, right = (
        cos + third * (1 - cos),
        third * (1 - cos) - root * sin,
        third * (1 - cos) + root * sin,
    )
    mix = torch.stack([same, left, right, right, same, left, left, right, same], 1).view(count, 3, 3)
    rgb = torch.einsum("bij,bjhw->bihw", mix, drawn[:, :3])
    gain = torch.exp(torch.randn(count, 1, 1, 1, generator=rng) * 0.15)
    rgb = torch.minimum((rgb * gain).clamp(0), drawn[:, 3:])
    return torch.cat([rgb, drawn[:, 3:]], 1)


def softened(pictures: torch.Tensor, rng: torch.Generator, *, untouched: float = 0.0) -> torch.Tensor:
    """Pictures as they are, or with faint noise and other contrast, of which some as if drawn smaller."""
    side = pictures.shape[-1]
    small = int(torch.randint(18, max(side - 4, 24), (1,), generator=rng))
    soft = functional.interpolate(pictures, small, mode="bilinear", antialias=True, align_corners=False)
    soft = functional.interpolate(soft, side, mode="bicubic", align_corners=False)
    pick = (torch.rand(len(pictures), 1, 1, 1, generator=rng) < 0.4).float()
    out = pick * soft + (1 - pick) * pictures
    out = out + torch.randn(out.shape, generator=rng) * 0.04 * torch.rand(len(out), 1, 1, 1, generator=rng)
    contrast = torch.exp(torch.randn(len(out), 1, 1, 1, generator=rng) * 0.12)
    out = ((out - 0.5) * contrast + 0.5).clamp(0, 1)
    sharp = torch.rand(len(out), 1, 1, 1, generator=rng) < untouched
    return torch.where(sharp, pictures, out) * 2 - 1
