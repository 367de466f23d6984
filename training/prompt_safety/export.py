"""Checkpoint to model folder: int8 graph, tokenizer, calibration, sums.

python -m training.prompt_safety.export --data ../shared/data --work DIR --to models/prompt-safety
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from classifiers.text.onnx_export import write_graph
from classifiers.text.windows import OnnxEngine, WindowTokenizer, run
from classifiers.weights import file_sha256
from training.prompt_safety.calibrate import PRIOR, platt
from training.prompt_safety.corpus import corpus
from training.prompt_safety.evaluate import tell_heads, tell_jigsaw, tell_prompts
from training.prompt_safety.network import backbone_folder
from training.prompt_safety.rows import HEADS, Row
from training.prompt_safety.stages import LAST
from training.prompt_safety.train import load

FILES = ("model.onnx", "tokenizer.json", "calibration.json")


def main() -> None:
    """Writes the graph, fits the calibration on the graph's own scores of the validation split, measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder with the checkpoint")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, default=Path("benchmarks/prompts"))
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    network = load(args.work / LAST)
    write_graph(network, args.to / "model.onnx", "logits", tables=True)
    shutil.copyfile(backbone_folder() / "tokenizer.json", args.to / "tokenizer.json")
    rows = corpus(args.data, args.held_out, args.seed).validation
    logits = scored(args.to, [row.text for row in rows])
    slope, offset = finish(args.to, rows, logits)
    scores = 1 / (1 + np.exp(-(logits * slope + offset)))
    tell_heads(rows, scores)
    tell_jigsaw(rows, scores)
    tell_prompts(rows, scores)


def finish(folder: Path, rows: Sequence[Row], logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write calibration and sums beside the graph; returns slope and offset."""
    slope, offset = platt(rows, logits)
    calibration = {
        "heads": HEADS,
        "slope": [round(float(value), 4) for value in slope],
        "offset": [round(float(value), 4) for value in offset],
        "fitted": f"Platt, per head, on the validation split, as if a share of {PRIOR} were harmful",
    }
    (folder / "calibration.json").write_text(json.dumps(calibration, indent=1) + "\n", "utf-8")
    lines = [f"{file_sha256(folder / name)}  {name}\n" for name in FILES]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")
    print("sha256 of SHA256SUMS:", file_sha256(folder / "SHA256SUMS"))
    return slope, offset


def scored(folder: Path, texts: list[str]) -> np.ndarray:
    """Logits of a model folder's graph, texts × heads; of a long text, each head's highest window."""
    tokenizer, engine = WindowTokenizer(folder / "tokenizer.json"), OnnxEngine(folder / "model.onnx")
    windows = [tokenizer.windows(text) for text in texts]
    logits = run(engine, [window for each in windows for window in each], len(HEADS))
    ends = np.cumsum([len(each) for each in windows])
    return np.stack([part.max(axis=0) for part in np.split(logits, ends[:-1])])


if __name__ == "__main__":
    main()
