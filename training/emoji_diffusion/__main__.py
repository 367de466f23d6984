"""The one command: packages to sprites, and these to trained weights.

python -m training.emoji_diffusion --packages node_modules --work DIR --minutes 110
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.emoji_diffusion.stock import build
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
    parser.add_argument("--style", default="fluent", help="one of the styles in render.py")
    parser.add_argument(
        "--start",
        type=Path,
        help="diffusers folder whose weights a new run begins with",
    )
    parser.add_argument("--data-only", action="store_true")
    args = parser.parse_args()
    if not (args.work / "stock.json").is_file():
        print(build(args.packages, args.work, args.style), "things", flush=True)
    if not args.data_only:
        fit(Settings(args.work, args.minutes, args.start, args.batch, args.rate, seed=args.seed))


if __name__ == "__main__":
    main()
