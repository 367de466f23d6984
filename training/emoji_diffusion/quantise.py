"""The network's graph with int8 products: ranges measured while it draws, weights in the safetensors file.

ONNX Runtime's static quantiser decides where numbers are rounded (uint8 activations, int8 weights by output
channel). Its float weights are then taken out again: they are read from the network's own file and rounded
when the graph is loaded. So the file holds ranges only, and the weights lie on the disk once.

    python -m training.emoji_diffusion.quantise --model models/emoji-diffusion
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization
from safetensors.numpy import load_file

from gateway.generation.emoji_graph import FLOAT_GRAPH, INT8_GRAPH, WEIGHTS_FILE
from gateway.generation.emoji_pipeline import EmojiDiffusionPipeline
from training.emoji_diffusion.captions import names, with_article
from training.emoji_diffusion.graph import outside
from training.emoji_diffusion.vocabulary import CORE

PICTURES, SEED, CALLS, ROWS = 16, 70_000, 12, 8
"""Drawn for the ranges, from which seed, and how much of what the network saw is measured."""


def write_int8_graph(model: Path) -> None:
    """Write INT8_GRAPH beside the float graph of the pipeline in `model`."""
    folder = model / "unet"
    with tempfile.TemporaryDirectory() as work:
        plain, rounded = Path(work, "plain.onnx"), Path(work, "rounded.onnx")
        _write_folded(folder / FLOAT_GRAPH, plain)
        quantization.quantize_static(
            plain,
            rounded,
            _Seen(_what_it_sees(model)),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True, "AddQDQPairToWeight": True},
        )
        graph = onnx.load(rounded)
    _point_outside(graph, folder / WEIGHTS_FILE)
    (folder / INT8_GRAPH).write_bytes(graph.SerializeToString())


def _write_folded(graph: Path, to: Path) -> None:
    """The float graph with its casts and transpositions worked out, as the quantiser wants it."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(to)
    onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


class _Recording(EmojiDiffusionPipeline):  # type: ignore[misc]  # diffusers has no types
    """Keeps what the network was given."""

    seen: list[dict[str, np.ndarray]]

    def _predict(self, latents: torch.Tensor, time: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        for row, words in enumerate(text):
            latent = latents[row % len(latents)]
            self.seen.append({"latents": latent.numpy(), "time": time.numpy(), "text": words.numpy()})
        return super()._predict(latents, time, text)


def _what_it_sees(model: Path) -> list[dict[str, np.ndarray]]:
    pipe = _Recording.from_pretrained(model, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    pipe.int8, pipe.seen = False, []
    labels = sorted(CORE)[:: len(CORE) // PICTURES][:PICTURES]
    prompts = [with_article(names(label)[0]) for label in labels]
    pairs = zip(prompts[::4], prompts[1::4], strict=True)
    prompts[::4] = [f"{first} and {second}" for first, second in pairs]
    seeds = [torch.Generator().manual_seed(SEED + number) for number in range(len(prompts))]
    pipe(prompts, generator=seeds, output_type="latent")
    return pipe.seen


class _Seen(quantization.CalibrationDataReader):  # type: ignore[misc]  # it has no types
    def __init__(self, seen: list[dict[str, np.ndarray]]) -> None:
        picked = np.random.default_rng(0).permutation(len(seen))[: CALLS * ROWS].reshape(CALLS, ROWS)
        self._calls: Iterator[dict[str, np.ndarray]] = (
            {name: np.stack([seen[at][name] for at in call]) for name in seen[0]} for call in picked
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._calls, None)


def _point_outside(graph: onnx.ModelProto, weights: Path) -> None:
    """Have every initialiser that is a tensor of the file, or one turned round, made of that file's."""
    origin = {_digest(value): (name, False) for name, value in load_file(weights).items()}
    origin |= {
        _digest(value.T): (name, True) for name, value in load_file(weights).items() if value.ndim == 2
    }
    nodes, kept, read = [], [], {}
    for tensor in graph.graph.initializer:
        found = origin.get(_digest(numpy_helper.to_array(tensor)))
        if tensor.data_type != TensorProto.FLOAT or found is None:
            kept.append(tensor)
            continue
        name, turned = found
        read[name] = None
        cast = f"{tensor.name}.stored" if turned else tensor.name
        nodes.append(helper.make_node("Cast", [name], [cast], to=TensorProto.FLOAT))
        if turned:
            nodes.append(helper.make_node("Transpose", [cast], [tensor.name], perm=[1, 0]))
    nodes += graph.graph.node
    for field, filled in (("initializer", [*kept, *outside(weights, list(read))]), ("node", nodes)):
        graph.graph.ClearField(field)
        getattr(graph.graph, field).extend(filled)


def _digest(value: np.ndarray[Any, Any]) -> tuple[tuple[int, ...], str]:
    return value.shape, hashlib.sha256(np.ascontiguousarray(value, np.float32).tobytes()).hexdigest()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    args = parser.parse_args()
    write_int8_graph(args.model)


if __name__ == "__main__":
    main()
