"""nsfwjs's InceptionV3, a tfjs layers model, as ONNX with its 8-bit weights kept.

    python training/nsfw_inception/convert.py UNPACKED OUT.onnx

UNPACKED holds model.json and weights.bin (`unpack.mjs`). Every kernel stays uint8 in the file and becomes
`q · scale + min` when the graph is loaded, as tfjs does it. Input: N × 299 × 299 × 3 RGB in [0, 1]; output:
N × 5 probabilities. Deterministic: the same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALL = 4096
"""Weights up to this many numbers are written as float32: batch norms and biases."""


class Weights:
    """The manifest's weights by name, as they are stored."""

    def __init__(self, folder: Path) -> None:
        content, place = (folder / "weights.bin").read_bytes(), 0
        self.stored: dict[str, tuple[np.ndarray, float, float]] = {}
        for entry in json.loads((folder / "model.json").read_text())["weightsManifest"][0]["weights"]:
            quantization, count = entry["quantization"], int(np.prod(entry["shape"]))
            assert quantization["dtype"] == "uint8"
            raw = np.frombuffer(content, np.uint8, count, place).reshape(entry["shape"])
            self.stored[entry["name"]] = (raw, quantization["scale"], quantization["min"])
            place += count
        assert place == len(content)

    def floats(self, name: str) -> np.ndarray:
        raw, scale, low = self.stored[name]
        return (raw.astype(np.float32) * np.float32(scale) + np.float32(low)).astype(np.float32)


class Graph:
    """Nodes and initializers as they are made, in NCHW."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, array: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weight(self, name: str, axes: tuple[int, ...] | None = None) -> str:
        raw, scale, low = self.weights.stored[name]
        if raw.size <= SMALL:
            array = self.weights.floats(name)
            return self.constant(name, array if axes is None else array.transpose(axes))
        self.constant(f"{name}/q", raw if axes is None else raw.transpose(axes))
        self.constant(f"{name}/scale", np.array(scale, np.float32))
        self.constant(f"{name}/min", np.array(low, np.float32))
        wide = self.node("Cast", [f"{name}/q"], f"{name}/wide", to=TensorProto.FLOAT)
        scaled = self.node("Mul", [wide, f"{name}/scale"], f"{name}/scaled")
        return self.node("Add", [scaled, f"{name}/min"], name)

    def layer(self, kind: str, config: dict[str, Any], inputs: list[str], output: str) -> str:
        name = config["name"]
        if kind == "Conv2D":
            kernel = self.weight(f"{name}/kernel", (3, 2, 0, 1))
            bias = [self.weight(f"{name}/bias")] if config["use_bias"] else []
            assert config["activation"] == "linear"
            return self.node("Conv", [*inputs, kernel, *bias], output, **_window(config, "kernel_size"))
        if kind == "BatchNormalization":
            size = self.weights.stored[f"{name}/beta"][0].size
            gamma = (
                self.weight(f"{name}/gamma")
                if config["scale"]
                else self.constant(f"{name}/gamma", np.ones(size, np.float32))
            )
            rest = [self.weight(f"{name}/{part}") for part in ("beta", "moving_mean", "moving_variance")]
            return self.node("BatchNormalization", [*inputs, gamma, *rest], output, epsilon=config["epsilon"])
        if kind == "Activation":
            return self.node({"relu": "Relu"}[config["activation"]], inputs, output)
        if kind == "MaxPooling2D":
            return self.node("MaxPool", inputs, output, **_window(config, "pool_size"))
        if kind == "AveragePooling2D":
            return self.node(
                "AveragePool", inputs, output, count_include_pad=0, **_window(config, "pool_size")
            )
        if kind == "Concatenate":
            return self.node("Concat", inputs, output, axis=1)
        if kind == "Flatten":
            last = self.node("Transpose", inputs, f"{output}/nhwc", perm=[0, 2, 3, 1])
            return self.node("Flatten", [last], output)
        if kind == "Dropout":
            return inputs[0]
        assert kind == "Dense", kind
        summed = self.node(
            "Gemm", [*inputs, self.weight(f"{name}/kernel"), self.weight(f"{name}/bias")], f"{output}/sum"
        )
        after = {"relu": "Relu", "softmax": "Softmax", "linear": "Identity"}[config["activation"]]
        return self.node(after, [summed], output)


def _window(config: dict[str, Any], key: str) -> dict[str, Any]:
    assert config.get("dilation_rate", [1, 1]) == [1, 1]
    padding = {"valid": "VALID", "same": "SAME_UPPER"}[config["padding"]]
    return {"kernel_shape": config[key], "strides": config["strides"], "auto_pad": padding}


def convert(unpacked: Path) -> onnx.ModelProto:
    topology = json.loads((unpacked / "model.json").read_text())["modelTopology"]["model_config"]["config"]
    graph, outputs = Graph(Weights(unpacked)), {}
    for layer in topology["layers"]:
        name = layer["name"]
        if layer["class_name"] == "InputLayer":
            outputs[name] = graph.node("Transpose", ["pictures"], f"{name}/out", perm=[0, 3, 1, 2])
            continue
        inputs = [outputs[inbound[0]] for inbound in layer["inbound_nodes"][0]]
        outputs[name] = graph.layer(layer["class_name"], layer["config"], inputs, f"{name}/out")
    graph.node("Identity", [outputs[topology["output_layers"][0][0]]], "probabilities")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "nsfwjs-4.4.0-inception-v3",
            [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 299, 299, 3])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 5])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
        producer_name="imagegate training/nsfw_inception",
    )
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("unpacked", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    content = convert(options.unpacked).SerializeToString(deterministic=True)
    options.out.write_bytes(content)
    print(f"{options.out}: {len(content):,} bytes")
