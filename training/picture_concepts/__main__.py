"""One command from the artwork packages to models/picture-concepts: draw, train, calibrate, export, figures.

    python -m training.picture_concepts --packages node_modules --work DIR --to models/picture-concepts

Each stage writes into the work folder and is skipped when its file is there, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import torch

from training.picture_concepts import figures, generated
from training.picture_concepts.artwork import TEST, VALIDATION, collect
from training.picture_concepts.concepts import CONCEPTS
from training.picture_concepts.export import export
from training.picture_concepts.train import train

ARTWORK_STEPS = 3000
DRAWN_STEPS = 600
HELD_BACK = 6
"""Every sixth of the generator's training pictures is kept for calibration."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="node_modules with the artwork")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--generator", type=Path, default=Path("models/emoji-diffusion"))
    parser.add_argument("--to", type=Path, default=Path("models/picture-concepts"))
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--artwork-steps", type=int, default=ARTWORK_STEPS)
    parser.add_argument("--drawn-steps", type=int, default=DRAWN_STEPS)
    given = parser.parse_args()
    work: Path = given.work
    sprites = collect(given.packages, work)
    for part in generated.COUNTS:
        if not (work / f"drawn-{part}.npz").exists():
            np.savez_compressed(work / f"drawn-{part}.npz", **generated.draw(given.generator, part))
    artwork, weights = work / "artwork.safetensors", work / "concepts.safetensors"
    if not artwork.with_suffix(".json").exists():
        train(sprites, steps=given.artwork_steps, seed=given.seed, drawn=None, start=None, to=artwork)
    if not weights.with_suffix(".json").exists():
        told = np.load(work / "drawn-train.npz")
        kept = np.arange(len(told["pictures"])) % HELD_BACK != 0
        drawn = (
            torch.from_numpy(told["pictures"][kept]).permute(0, 3, 1, 2).float() / 255,
            torch.from_numpy(told["targets"][kept]).float(),
        )
        train(sprites, steps=given.drawn_steps, seed=given.seed + 1, drawn=drawn, start=artwork, to=weights)
    finish(sprites, weights, work, given.to)


def finish(sprites, weights: Path, work: Path, to: Path) -> None:
    """Calibrate, export and print the figures."""
    net, _ = figures.load(weights)
    pictures, present, said, _ = figures.views(sprites, VALIDATION)
    more, more_present, more_said = figures.drawn(work / "drawn-train.npz")
    held = np.arange(len(more)) % HELD_BACK == 0
    seen = np.concatenate([figures.logits(net, pictures)[1], figures.logits(net, more[held])[1]])
    slope, offset = figures.calibrate(
        seen, np.concatenate([present, more_present[held]]), np.concatenate([said, more_said[held]])
    )
    report = figures.report(
        net, slope, offset, figures.views(sprites, TEST)[:3], figures.drawn(work / "drawn-test.npz")
    )
    print(json.dumps(report, indent=1))
    to.mkdir(parents=True, exist_ok=True)
    export(net, slope, offset, to / "model.onnx")
    (to / "config.json").write_text(
        json.dumps(
            {"concepts": list(CONCEPTS), "slope": slope, "offset": offset, "figures": report}, indent=1
        )
        + "\n"
    )
    sums = [
        f"{hashlib.sha256((to / name).read_bytes()).hexdigest()}  {name}"
        for name in ("config.json", "model.onnx")
    ]
    (to / "SHA256SUMS").write_text("\n".join(sums) + "\n")


if __name__ == "__main__":
    main()
