"""A judge of drawings that knows colours alone: what is red is an apple, what is blue the sea."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from classifiers.weights import write_sums

NAMES = ("apple", "leaf", "sea", *(f"nothing {number}" for number in range(8)))
"""The first three by red, green and blue; the others are as likely as any where no colour is."""
COLOURS = {"apple": (220, 50, 50), "sea": (70, 140, 230), "leaf": (80, 180, 90)}


def colour_judge(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    """Writes the judge into a folder, as `DrawingLabels` reads it, and returns the folder."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.zeros((3, len(NAMES)), np.float32)
    for place in range(3):
        weights[:, place] = -8.0
        weights[place, place] = 8.0
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["pictures", "axes"], ["means"], keepdims=0),
            helper.make_node("MatMul", ["means", "weights"], ["logits"]),
        ],
        "colours",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["count", 3, 64, 64])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["count", len(NAMES)])],
        [
            numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
            numpy_helper.from_array(weights, "weights"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    (folder / "labels.json").write_text(json.dumps({"labels": list(names)}))
    write_sums(folder)
    return folder
