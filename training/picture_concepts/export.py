"""From trained weights to models/picture-concepts/model.onnx: pixels in, calibrated concept scores out.

The graph holds everything between N x 64 x 64 x 3 uint8 pixels and N x 9 scores in [0, 1]: scaling, the
network with its normalisations folded into the convolutions, fp16 weights widened when they are loaded, the
calibration's slope and offset per concept, and the sigmoid.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from training.picture_concepts.net import SIDE, DrawingNet


class _Half(nn.Module):
    """A convolution or linear layer whose weights are stored in half precision."""

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.register_buffer("weight", layer.weight.detach().half())
        self.bias = nn.Parameter(layer.bias.detach().clone()) if layer.bias is not None else None
        self.stride = layer.stride if isinstance(layer, nn.Conv2d) else None
        self.padding = layer.padding if isinstance(layer, nn.Conv2d) else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight.float()
        if self.stride is None:
            return nn.functional.linear(x, weight, self.bias)
        return nn.functional.conv2d(x, weight, self.bias, self.stride, self.padding)


def halved(module: nn.Module) -> None:
    """Fold every Conv-BatchNorm pair below `module`, in place, and halve what is left."""
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential) and len(child) > 1 and isinstance(child[1], nn.BatchNorm2d):
            fused = fuse_conv_bn_eval(child[0], child[1])
            setattr(module, name, nn.Sequential(_Half(fused), *child[2:]))
        elif isinstance(child, (nn.Conv2d, nn.Linear)):
            setattr(module, name, _Half(child))
        else:
            halved(child)


class _Shipped(nn.Module):
    def __init__(self, net: DrawingNet, slope: list[float], offset: list[float]) -> None:
        super().__init__()
        halved(net)
        self.net = net
        self.register_buffer("slope", torch.tensor(slope))
        self.register_buffer("offset", torch.tensor(offset))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
        return torch.sigmoid(self.net.concepts(self.net.features(x)) * self.slope + self.offset)


def export(net: DrawingNet, slope: list[float], offset: list[float], to: Path) -> None:
    """Write the graph; `net` is changed and of no further use."""
    example = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    torch.onnx.export(
        _Shipped(net.eval(), slope, offset).eval(),
        (example,),
        str(to),
        input_names=["pixels"],
        output_names=["scores"],
        dynamic_axes={"pixels": {0: "n"}, "scores": {0: "n"}},
        opset_version=18,
        dynamo=False,
        do_constant_folding=False,
    )
