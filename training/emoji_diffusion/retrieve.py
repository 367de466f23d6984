"""Does a drawn picture look most like the artwork of the thing that was asked for?

Every core label is drawn once from "a NAME" and compared, by mean squared error after a light blur, with the
white-background originals of all labels. Prints the share whose own original is the nearest (top 1) and
among the five nearest (top 5). It measures whether the learnt things come out, not taste.

    python -m training.emoji_diffusion.retrieve --work DIR --model models/emoji-diffusion
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

from gateway.generation.emoji_pipeline import EmojiDiffusionPipeline
from training.emoji_diffusion import stock
from training.emoji_diffusion.captions import names, with_article
from training.emoji_diffusion.vocabulary import CORE


def retrieve(
    work: Path,
    model: Path,
    every: int = 1,
    guidance: float = 5.0,
    steps: int = 16,
    seed: int = 0,
    batch: int = 16,
) -> dict[str, float]:
    """Returns the number of labels drawn and the top-1 and top-5 shares in [0, 1]."""
    torch.set_num_threads(1)
    things = stock.load(work)
    labels = [thing.emoji.label for thing in things]
    sprites = torch.from_numpy(np.stack([thing.sprite(64) for thing in things])).permute(0, 3, 1, 2)
    bank = _features(sprites[:, :3] + 1 - sprites[:, 3:])
    pipe = EmojiDiffusionPipeline.from_pretrained(model, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    asked, ranks, missed = sorted(CORE & set(labels))[::every], [], []
    for start in range(0, len(asked), batch):
        some = asked[start : start + batch]
        seeds = [torch.Generator().manual_seed(seed + start + i) for i in range(len(some))]
        prompts = [with_article(names(label)[0]) for label in some]
        options = {"guidance_scale": guidance, "num_inference_steps": steps, "generator": seeds}
        drawn = pipe(prompts, height=64, width=64, output_type="pt", **options).images
        distances = torch.cdist(_features(drawn), bank)
        for label, row in zip(some, distances, strict=True):
            ranks.append(int((row < row[labels.index(label)]).sum()))
            if ranks[-1] >= 5:
                missed.append(names(label)[0])
    print("not in the top 5:", ", ".join(missed))
    found = np.array(ranks)
    return {"labels": len(asked), "top1": float((found == 0).mean()), "top5": float((found < 5).mean())}


def _features(pictures: torch.Tensor) -> torch.Tensor:
    return avg_pool2d(pictures, 4).flatten(1)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="take every Nth label only")
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--steps", type=int, default=16)
    args = parser.parse_args()
    print(retrieve(args.work, args.model, args.every, args.guidance, args.steps))


if __name__ == "__main__":
    main()
