"""A Detoxify checkpoint made into a folder: safetensors, tokenizer, and an int8 ONNX graph.

Duty: convert once what the `detoxify` classifier then loads quickly (`converted`). The checkpoint is checked
by sha256 and read as plain tensors. The folder appears whole or not at all, and its `SHA256SUMS` pins it.

int8 products take a scale per token (`rowwise_int8`), so a text has the same scores in any batch.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from classifiers.protocol import ClassifierConfigError
from classifiers.text.detoxify import GRAPH, check_heads, open_checkpoint
from classifiers.text.rowwise_int8 import quantise
from classifiers.weights import write_sums

_OPSET: Final = 18


@dataclass(frozen=True, slots=True)
class Converted:
    """What was made: the folder, and the sha256 of its `SHA256SUMS`, which the classifier's settings pin."""

    folder: Path
    sums_sha256: str


def convert(model: str, checkpoint: Path | None, sha256: str, base: Path, out: Path) -> Converted:
    """Convert the checkpoint of a published `model` into the new folder `out`.

    `checkpoint` None is the published file in torch's hub cache; `base` holds the configuration and tokenizer
    that it was trained from.

    Raises:
        ClassifierConfigError: `out` exists, `base` holds no configuration, or the checkpoint is missing, not
            the pinned one, or another model's.
        OSError: `out` can't be written.
    """
    if out.exists():
        raise ClassifierConfigError(f"{out.name} exists already; give a folder that does not")
    if not (base / "config.json").is_file():
        raise ClassifierConfigError(
            f"{base.name} holds no config.json; give the folder of the model that the checkpoint began from"
        )
    opened = open_checkpoint(model, checkpoint, sha256, base)
    check_heads(model, opened.heads)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".convert-") as scratch:
        folder = Path(scratch) / "whole"
        opened.model.config.id2label = dict(enumerate(opened.heads))
        opened.model.config.label2id = {head: at for at, head in enumerate(opened.heads)}
        opened.model.save_pretrained(str(folder))
        opened.tokenizer.save_pretrained(str(folder))
        plain = Path(scratch) / "fp32.onnx"
        _export(folder, plain)
        quantise(plain, folder / GRAPH, tables=True)
        origin = {"model": f"detoxify:{model}", "checkpoint_sha256": sha256.lower(), "opset": _OPSET}
        (folder / "conversion.json").write_text(json.dumps(origin, indent=1) + "\n")
        sums_sha256 = write_sums(folder)
        folder.rename(out)
    return Converted(out, sums_sha256)


def _export(folder: Path, target: Path) -> None:
    """Trace the model that the folder's safetensors hold: so the graph is of what was written."""
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, attn_implementation="eager"
    )
    sample = torch.full((2, 8), 5, dtype=torch.long)  # no padding id: positions are counted past it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns about Python branches that do not depend on input
        torch.onnx.export(
            _logits_alone(torch, model.eval()),
            (sample, torch.ones_like(sample)),
            str(target),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={
                "input_ids": {0: "batch", 1: "tokens"},
                "attention_mask": {0: "batch", 1: "tokens"},
                "logits": {0: "batch"},
            },
        )


def _logits_alone(torch: Any, model: Any) -> Any:
    class Logits(torch.nn.Module):  # type: ignore[misc]  # torch is imported lazily, so mypy sees Any
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    return Logits()
