"""The one command: packages to pictures and captions, to embeddings, to trained weights.

python -m training.emoji_diffusion --packages node_modules --work DIR --minutes 110
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from training.emoji_diffusion.build_data import build
from training.emoji_diffusion.text_states import cache_states
from training.emoji_diffusion.train import Settings, fit


def main() -> None:
    """Builds what is missing in the work folder and trains, or resumes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--packages", type=Path, required=True, help="node_modules folder with the artwork packages"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for data, checkpoints and grids")
    parser.add_argument(
        "--minutes", type=float, default=110.0, help="wall-clock budget of the whole training"
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--styles", default="fluent", help="comma-separated: fluent, noto, twemoji")
    parser.add_argument("--data-only", action="store_true")
    args = parser.parse_args()
    if not (args.work / "captions.json").is_file():
        print(
            build(args.packages, args.work, args.seed, tuple(args.styles.split(","))), "captions", flush=True
        )
    rows = json.loads((args.work / "captions.json").read_text())
    cache_states([row["caption"] for row in rows], args.work / "states.npy")
    if not args.data_only:
        fit(Settings(args.work, args.minutes, args.batch, args.rate, seed=args.seed))


if __name__ == "__main__":
    main()
