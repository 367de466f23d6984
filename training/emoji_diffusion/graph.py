"""The network as an ONNX graph without weights: its initialisers point into the safetensors file beside it.

So ONNX Runtime can draw on a CPU with no second copy of the weights. Each half-precision initialiser is cast
to float in the graph; the runtime folds the casts when it loads.
"""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import onnx
import torch
from diffusers import UNet2DConditionModel

from gateway.generation.emoji_pipeline import GRAPH_FILE, TOKENS

WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"


class _Positional(torch.nn.Module):
    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, latents: torch.Tensor, time: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        return self.unet(latents, time, text, class_labels=text[:, -1], return_dict=False)[0]


def write_graph(unet: UNet2DConditionModel, folder: Path) -> None:
    """Writes GRAPH_FILE beside the saved weights in `folder`; `unet` is the same network in float32."""
    config, whole = unet.config, io.BytesIO()
    example = (
        torch.randn(2, config.in_channels, config.sample_size, config.sample_size),
        torch.full((2,), 500.0),
        torch.randn(2, TOKENS + 1, config.cross_attention_dim),
    )
    names = ["latents", "time", "text", "clean"]
    torch.onnx.export(
        _Positional(unet).eval(),
        example,
        whole,
        dynamo=False,
        opset_version=18,
        do_constant_folding=False,
        input_names=names[:3],
        output_names=names[3:],
        dynamic_axes={name: {0: "count"} for name in names},
    )
    model = onnx.load_from_string(whole.getvalue())
    _point_outside(model, folder / WEIGHTS_FILE)
    (folder / GRAPH_FILE).write_bytes(model.SerializeToString())


def _point_outside(model: onnx.ModelProto, weights: Path) -> None:
    with weights.open("rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
    casts, renamed = [], {}
    for tensor in model.graph.initializer:
        entry = header.get(tensor.name.removeprefix("unet."))
        if entry is None:
            continue
        if entry["dtype"] != "F16" or entry["shape"] != list(tensor.dims):
            raise ValueError(f"{tensor.name} is not the {weights.name}'s tensor: {entry}")
        begin, end = entry["data_offsets"]
        tensor.ClearField("raw_data")
        tensor.data_type = onnx.TensorProto.FLOAT16
        tensor.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": weights.name, "offset": str(8 + length + begin), "length": str(end - begin)}
        tensor.external_data.extend(onnx.StringStringEntryProto(key=k, value=v) for k, v in place.items())
        renamed[tensor.name] = f"{tensor.name}.float"
        casts.append(
            onnx.helper.make_node("Cast", [tensor.name], [renamed[tensor.name]], to=onnx.TensorProto.FLOAT)
        )
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = renamed.get(name, name)
    nodes = [*casts, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
