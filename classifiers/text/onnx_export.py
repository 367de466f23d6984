"""MiniLM exported once to an int8 ONNX file, kept in a cache folder.

Duty: make that file, or find it. Its name holds the weights' sha256, this recipe's version and the versions
of the libraries that made it, so a stale file is never used. A half-written one can't be: it is renamed into
place when it is whole, and two processes that export at once make the same file twice.

int8 products (see `rowwise_int8`) are about twice as fast on one core as float32.
"""

from __future__ import annotations

import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from classifiers.text.rowwise_int8 import quantise
from classifiers.weights import cache_folder

RECIPE: Final = 2
_OPSET: Final = 18


def exported(folder: Path, weights_sha256: str, cache_dir: Path | None = None) -> Path:
    """Return the int8 ONNX file of the encoder in `folder`, exporting it first if it is not cached.

    Inputs `input_ids` and `attention_mask`, int64, batch × tokens; output `embedding`, float32, batch × 384,
    unit length.

    Raises:
        OSError: the cache folder can't be written.
    """
    made_by = f"torch{version('torch')}-ort{version('onnxruntime')}".replace("+", "-")
    name = f"minilm-{weights_sha256[:16]}-r{RECIPE}-{made_by}-int8.onnx"
    cache = cache_folder(cache_dir)
    target = cache / name
    if target.is_file():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".export-") as scratch:
        whole = _export(folder, Path(scratch))
        whole.replace(target)
    return target


def write_graph(module: Any, target: Path, output: str, *, tables: bool = False) -> None:
    """Write a torch module of `input_ids` and `attention_mask` (batch × tokens) as an int8 ONNX file.

    `output` names its one output, batch × anything. With `tables` embeddings become int8 as well.
    """
    import torch

    plain = target.with_name("fp32.onnx")
    sample = torch.ones(2, 8, dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns about Python branches that do not depend on input
        torch.onnx.export(
            module,
            (sample, sample),
            str(plain),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=[output],
            dynamic_axes={
                "input_ids": {0: "batch", 1: "tokens"},
                "attention_mask": {0: "batch", 1: "tokens"},
                output: {0: "batch"},
            },
        )
    quantise(plain, target, tables=tables)
    plain.unlink()


def _export(folder: Path, scratch: Path) -> Path:
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, attn_implementation="eager"
    )
    quantised = scratch / "int8.onnx"
    write_graph(_pooled(torch, model.eval()), quantised, "embedding")
    return quantised


def _pooled(torch: Any, model: Any) -> Any:
    """The encoder with mean pooling and unit length inside the graph."""

    class Pooled(torch.nn.Module):  # type: ignore[misc]  # torch is imported lazily, so mypy sees Any
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            states = self.model(
                input_ids=input_ids,
                attention_mask=attention_mask,
                token_type_ids=torch.zeros_like(input_ids),
            ).last_hidden_state
            weights = attention_mask.unsqueeze(-1).to(states.dtype)
            pooled = (states * weights).sum(1) / weights.sum(1)
            return torch.nn.functional.normalize(pooled, dim=-1)

    return Pooled()
