"""What the teacher itself reaches on Jigsaw's validation rows, which it has seen, beside a model folder.

python -m training.prompt_safety.teacher_figures --data ../shared/data --teacher DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from training.prompt_safety.corpus import corpus
from training.prompt_safety.evaluate import tell_jigsaw
from training.prompt_safety.export import scored
from training.prompt_safety.rows import HEADS
from training.prompt_safety.teacher import HEADS as TAUGHT
from training.prompt_safety.teacher import Teacher


def main() -> None:
    """Prints the AUC of the teacher, of the model, and of both averaged (logits, half each)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=Path("models/prompt-safety"))
    parser.add_argument("--held-out", type=Path, default=Path("benchmarks/prompts"))
    args = parser.parse_args()
    found = corpus(args.data, args.held_out, seed=7).validation
    rows = [row for row in found if row.source == "jigsaw"]
    texts = [row.text for row in rows]
    told = Teacher.from_package(args.teacher).probabilities(texts).astype(float).clip(1e-7, 1 - 1e-7)
    ours = scored(args.model, texts)
    teacher = np.zeros_like(ours)
    teacher[:, [HEADS.index(head) for head in TAUGHT]] = np.log(told / (1 - told))
    for name, logits in (("teacher", teacher), ("model", ours), ("both averaged", (teacher + ours) / 2)):
        print(f"\n{name}")
        tell_jigsaw(rows, logits)


if __name__ == "__main__":
    main()
