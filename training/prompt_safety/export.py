"""Checkpoint to model folder: int8 graph, tokenizer, calibration, sums.

python -m training.prompt_safety.export --data ../shared/data --work DIR --to models/prompt-safety
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from classifiers.text.onnx_export import write_graph
from classifiers.text.windows import OnnxEngine, WindowTokenizer, run
from classifiers.weights import file_sha256
from training.prompt_safety.calibrate import PRIOR, platt
from training.prompt_safety.corpus import corpus
from training.prompt_safety.evaluate import tell_heads, tell_jigsaw, tell_prompts
from training.prompt_safety.rows import HEADS, Row
from training.prompt_safety.stages import LAST
from training.prompt_safety.train import MAX_TOKENS, load
from training.prompt_safety.written import validation_rows

MOST: Final = 500
"""Validation rows of one source that are scored."""
LENGTH: Final[Mapping[str, Sequence[float]]] = {"tokens": (10, 20, 50), "shift": (0.1, 0.0, -1.2)}
"""What is added to calibrated logits by a window's length: read from the validation texts' harmless rows, so
that long ones are flagged no oftener than middling ones (`bands` prints both)."""
EDGES: Final[Mapping[str, float]] = {
    "sexual": 0.4,
    "hate": 0.1,
    "harassment": 0.2,
    "self-harm": 0.41,
    "violence": 0.5,
    "illicit": 0.5,
}
"""From which score on `default` does not allow a family; its bands serve lists and pictures as well."""
FLAGGED: Final = 0.005
"""Share of the validation texts' harmless rows, which are as hard as life, that may reach a family's edge."""
FILES: Final = ("model.onnx", "tokenizer.json", "calibration.json")


def main() -> None:
    """Writes the graph, fits the calibration on the graph's own scores of the validation split, measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder with the checkpoint")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, default=Path("benchmarks/prompts"))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--checkpoint", type=Path, help=f"another than {LAST} of the folder")
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    backbone = args.work / "backbone"
    network = load(backbone, args.checkpoint or args.work / LAST, attention="eager")
    write_graph(network, args.to / "model.onnx", "logits", tables=True)
    shutil.copyfile(backbone / "tokenizer.json", args.to / "tokenizer.json")
    rows = [*validation_rows(), *at_most(MOST, corpus(args.data, args.held_out, args.seed).validation)]
    logits = scored(args.to, [row.text for row in rows])
    finish(args.to, rows, logits)
    scores = calibrated(args.to, [row.text for row in rows], logits)
    tell_heads(rows, scores)
    tell_jigsaw(rows, scores)
    tell_prompts(rows, scores)


def at_most(count: int, rows: Sequence[Row]) -> list[Row]:
    """The first `count` rows of each source but Jigsaw, all of whose rows have a figure of their own."""
    seen: Counter[str] = Counter()
    kept = []
    for row in rows:
        seen[row.source] += 1
        if seen[row.source] <= count or row.source == "jigsaw":
            kept.append(row)
    return kept


def finish(folder: Path, rows: Sequence[Row], logits: np.ndarray) -> None:
    """Write calibration and sums beside the graph."""
    slope, offset = platt(rows, logits)
    offset += to_edges(rows, logits * slope + offset + shifts(folder, [row.text for row in rows]))
    calibration = {
        "heads": HEADS,
        "length": LENGTH,
        "slope": [round(float(value), 4) for value in slope],
        "offset": [round(float(value), 4) for value in offset],
        "fitted": f"Platt, per head, as if a share of {PRIOR} were harmful; then moved to the bands: "
        "see export.py",
    }
    (folder / "calibration.json").write_text(json.dumps(calibration, indent=1) + "\n", "utf-8")
    lines = [f"{file_sha256(folder / name)}  {name}\n" for name in FILES]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")
    print("sha256 of SHA256SUMS:", file_sha256(folder / "SHA256SUMS"))


def calibrated(folder: Path, texts: Sequence[str], logits: np.ndarray) -> np.ndarray:
    """Scores as the adapter gives them, texts × heads, before parents bound their children."""
    calibration = json.loads((folder / "calibration.json").read_text("utf-8"))
    logits = logits * np.array(calibration["slope"]) + np.array(calibration["offset"])
    return 1 / (1 + np.exp(-logits - shifts(folder, texts)))


def shifts(folder: Path, texts: Sequence[str]) -> np.ndarray:
    """What `LENGTH` adds to each text's logits, texts × 1."""
    tokenizer = WindowTokenizer(folder / "tokenizer.json", MAX_TOKENS)
    longest = [max(len(window.ids) - 2 for window in tokenizer.windows(text)) for text in texts]
    return np.interp(longest, LENGTH["tokens"], LENGTH["shift"])[:, None]


def to_edges(rows: Sequence[Row], logits: np.ndarray) -> np.ndarray:
    """What to add to each head's offset: `FLAGGED` of the harmless rows then reach their family's edge.

    The family's own head is looked at: no other of it is ever above (`within_parents`).
    """
    ours = np.array([row.source.startswith("dev_") for row in rows])
    harmless = ours & np.array([max(row.targets.values(), default=0.0) == 0 for row in rows])
    moved = np.zeros(len(HEADS))
    for family, edge in EDGES.items():
        heads = [at for at, head in enumerate(HEADS) if head == family or head.startswith(family + "/")]
        reached = np.quantile(logits[harmless][:, HEADS.index(family)], 1 - FLAGGED)
        moved[heads] = np.log(edge / (1 - edge)) - reached
    return moved


def scored(folder: Path, texts: list[str]) -> np.ndarray:
    """Logits of a model folder's graph, texts × heads; of a long text, each head's highest window."""
    tokenizer, engine = (
        WindowTokenizer(folder / "tokenizer.json", MAX_TOKENS),
        OnnxEngine(folder / "model.onnx"),
    )
    windows = [tokenizer.windows(text) for text in texts]
    logits = run(engine, [window for each in windows for window in each], len(HEADS))
    ends = np.cumsum([len(each) for each in windows])
    return np.stack([part.max(axis=0) for part in np.split(logits, ends[:-1])])


if __name__ == "__main__":
    main()
