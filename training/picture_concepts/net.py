"""The network: a small residual one over 64 x 64 drawings, with two heads.

`labels` (softmax over the artwork's names) is what makes a drawing recognisable across styles; `concepts`
(sigmoids) is what the classifier ships. Few channels where places are many: the early layers cost a processor
memory traffic, the late ones multiplications, which are cheaper. It must not know files.
"""

from __future__ import annotations

import torch
from torch import nn

SIDE = 64
STEM = (32, 96)
STAGES = ((96, 1, 1), (192, 2, 2), (320, 2, 1))
"""Channels, stride of the first block, blocks; at 16, 8 and 4 places a side."""


def _conv(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)
    )


class _Block(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = _conv(inside, outside, stride)
        self.second = nn.Sequential(nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside))
        self.short = (
            nn.Identity()
            if inside == outside and stride == 1
            else nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(self.first(x)) + self.short(x))


class DrawingNet(nn.Module):
    """B x 3 x 64 x 64 in [-1, 1] -> (label logits, concept logits)."""

    def __init__(self, labels: int, concepts: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, STEM[0], 2), _conv(STEM[0], STEM[1], 2))
        stages, inside = [], STEM[1]
        for width, stride, blocks in STAGES:
            for place in range(blocks):
                stages.append(_Block(inside, width, stride if place == 0 else 1))
                inside = width
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(0.1)
        self.labels = nn.Linear(2 * inside, labels)
        self.concepts = nn.Linear(2 * inside, concepts)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """B x 640: mean and maximum over the places."""
        deep = self.stages(self.stem(x))
        return torch.cat([deep.mean((2, 3)), deep.amax((2, 3))], 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        deep = self.dropout(self.features(x))
        return self.labels(deep), self.concepts(deep)
