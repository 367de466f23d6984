"""The one command: data folder to adapter.

OMP_NUM_THREADS=1 python -m training.rewriter --data ../shared/data --work DIR --minutes 55
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from pathlib import Path

from training.rewriter.build import build


def main() -> None:
    """Builds the rows, trains, and writes the adapter below the work folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public data sets")
    parser.add_argument("--work", type=Path, default=Path("var/rewriter"), help="folder for the adapter")
    parser.add_argument("--minutes", type=float, default=55.0, help="wall time of the training")
    parser.add_argument("--steps", type=int, default=None, help="end after so many steps at the latest")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cache", type=Path, default=None, help="where the converted base model lies")
    parser.add_argument(
        "--exclude",
        type=Path,
        nargs="*",
        default=None,
        help="prompt files of evaluations (JSON lines); default benchmarks/prompts/*.jsonl",
    )
    args = parser.parse_args()
    exclude = sorted(Path("benchmarks/prompts").glob("*.jsonl")) if args.exclude is None else args.exclude
    rows = build(args.data, exclude, seed=args.seed)
    print("training", Counter(row.kind.split("/")[0] for row in rows.training).most_common(), flush=True)
    print(f"validation {len(rows.validation)}, dropped {dict(rows.dropped)}, {len(exclude)} files excluded")

    import torch

    from classifiers.weights import cache_folder
    from gateway.rewriting.smollm2_weights import converted
    from training.rewriter.train import Settings, fit

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    settings = Settings(
        converted(cache_folder(args.cache)).folder, args.work, args.minutes, rank=args.rank, rate=args.rate,
        alpha=2 * args.rank, seed=args.seed, steps=args.steps,
    )  # fmt: skip
    print("adapter in", fit(rows.training, rows.validation, settings))


if __name__ == "__main__":
    main()
