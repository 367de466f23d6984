"""The card's sample grid: fixed prompts and seeds through the shipped pipeline.

python -m training.emoji_diffusion.samples --model models/emoji-diffusion --to samples.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gateway.generation.emoji_pipeline import EmojiDiffusionPipeline
from training.emoji_diffusion.grid import PROMPTS

SIDE = 96
COLUMNS = 8


def sample_grid(model: Path, seed: int = 0, side: int = SIDE) -> Image.Image:
    """PROMPTS row by row, `COLUMNS` to a row; picture number i is drawn with seed `seed` + i."""
    torch.set_num_threads(1)
    pipe = EmojiDiffusionPipeline.from_pretrained(model, local_files_only=True)
    tiles = []
    for start in range(0, len(PROMPTS), COLUMNS):
        prompts = list(PROMPTS[start : start + COLUMNS])
        seeds = [torch.Generator().manual_seed(seed + start + i) for i in range(len(prompts))]
        images = pipe(prompts, height=side, width=side, generator=seeds).images
        tiles.append(np.concatenate(list(images), 1))
    return Image.fromarray((np.concatenate(tiles) * 255).round().astype(np.uint8))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=SIDE)
    args = parser.parse_args()
    sample_grid(args.model, args.seed, args.side).save(args.to, optimize=True)


if __name__ == "__main__":
    main()
