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
from safetensors.torch import load_file

from gateway.generation.emoji_graph import FLOAT_GRAPH, WEIGHTS_FILE
from gateway.generation.emoji_pipeline import TOKENS


class _Positional(torch.nn.Module):
    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, latents: torch.Tensor, time: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        return self.unet(latents, time, text, class_labels=text[:, -1], return_dict=False)[0]


def write_graph(unet: UNet2DConditionModel, folder: Path) -> None:
    """Writes FLOAT_GRAPH beside the saved weights in `folder`; `unet` is the same network in float32."""
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
    (folder / FLOAT_GRAPH).write_bytes(model.SerializeToString())


def outside(weights: Path, names: list[str]) -> list[onnx.TensorProto]:
    """Half-precision initialisers whose numbers stay in the safetensors file `weights`, called as there."""
    with weights.open("rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
    tensors = []
    for name in names:
        entry = header[name]
        if entry["dtype"] != "F16":
            raise ValueError(f"{name} in {weights.name} is {entry['dtype']}, not F16")
        begin, end = entry["data_offsets"]
        place = {"location": weights.name, "offset": str(8 + length + begin), "length": str(end - begin)}
        tensors.append(
            onnx.TensorProto(
                name=name,
                data_type=onnx.TensorProto.FLOAT16,
                dims=entry["shape"],
                data_location=onnx.TensorProto.EXTERNAL,
                external_data=[onnx.StringStringEntryProto(key=k, value=v) for k, v in place.items()],
            )
        )
    return tensors


def _point_outside(model: onnx.ModelProto, weights: Path) -> None:
    stored, kept, casts = set(load_file(weights)), [], []
    for tensor in model.graph.initializer:
        name = tensor.name.removeprefix("unet.")
        if name not in stored:
            kept.append(tensor)
            continue
        casts.append(onnx.helper.make_node("Cast", [name], [tensor.name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    tensors = [*kept, *outside(weights, [cast.input[0] for cast in casts])]
    for field, filled in (("initializer", tensors), ("node", nodes)):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(filled)
