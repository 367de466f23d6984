"""From tuned weights to models/picture-concepts/model.onnx: pixels in, calibrated concept scores out.

The graph holds everything between N x 128 x 128 x 3 uint8 pixels and N x 9 scores in [0, 1]: scaling, the
network with its normalisations folded into the convolutions, fp16 weights widened when they are loaded, the
calibration's slope and offset per concept, and the sigmoid.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from training.picture_concepts.concepts import shown_by
from training.picture_concepts.net import SIDE, Early, Late, seen_twice


class _Half(nn.Module):
    """A convolution whose weights are stored in half precision, a normalisation folded in."""

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        weight, bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        self.register_buffer("weight", weight.detach().half())
        self.register_buffer("bias", bias.detach().clone())
        self.stride, self.groups = conv.stride, conv.groups
        self.around = getattr(conv, "static_padding", nn.Identity())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(
            self.around(x), self.weight.float(), self.bias, self.stride, 0, 1, self.groups
        )


class _HalfLinear(nn.Module):
    """A linear layer whose weights are stored in half precision."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.register_buffer("weight", linear.weight.detach().half())
        self.register_buffer("bias", linear.bias.detach().clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight.float(), self.bias)


_PAIRS = (
    *(("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")),
    *(("stem", "norm"), ("conv", "bn")),
)


def folded(module: nn.Module) -> None:
    """Fold every convolution's normalisation below `module` into it, in place."""
    for each in module.modules():
        for conv, norm in _PAIRS:
            if isinstance(getattr(each, norm, None), nn.BatchNorm2d) and hasattr(each, conv):
                setattr(each, conv, _Half(getattr(each, conv), getattr(each, norm)))
                setattr(each, norm, nn.Identity())


class _Concepts(nn.Module):
    def __init__(
        self, early: Early, late: Late, names: list[str], slope: list[float], offset: list[float]
    ) -> None:
        super().__init__()
        self.early, self.late = early, late
        self.register_buffer("shown_by", torch.tensor(shown_by(names)))
        self.register_buffer("slope", torch.tensor(slope))
        self.register_buffer("offset", torch.tensor(offset))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
        seen = seen_twice(self.early, self.late, x, self.shown_by)
        return torch.sigmoid(seen * self.slope + self.offset)


def export(
    early: Early, late: Late, names: list[str], slope: list[float], offset: list[float], to: Path
) -> None:
    """Write the concepts' graph."""
    whole = _Concepts(copy.deepcopy(early), copy.deepcopy(late), names, slope, offset).eval()
    folded(whole)
    whole.late.names, whole.late.concepts = map(_HalfLinear, (whole.late.names, whole.late.concepts))
    torch.onnx.export(
        whole,
        (torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),),
        str(to),
        input_names=["pixels"],
        output_names=["scores"],
        dynamic_axes={"pixels": {0: "n"}, "scores": {0: "n"}},
        opset_version=18,
        dynamo=False,
        do_constant_folding=False,
    )
