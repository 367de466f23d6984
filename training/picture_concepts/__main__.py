"""One command from the artwork packages to models/picture-concepts: draw, train, calibrate, export, figures.

    python -m training.picture_concepts --packages node_modules --work DIR --to models/picture-concepts

Each stage writes into the work folder and is skipped when its file is there, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from classifiers.image.picture_concepts import LABELS
from classifiers.weights import SUMS, file_sha256
from training.picture_concepts import figures, generated
from training.picture_concepts.artwork import TEST, VALIDATION, collect
from training.picture_concepts.concepts import CONCEPTS
from training.picture_concepts.export import export
from training.picture_concepts.train import train

ARTWORK_STEPS = 2200
DRAWN_STEPS = 400
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
    artwork, weights = work / "artwork.safetensors", work / "concepts.safetensors"
    if not artwork.with_suffix(".json").exists():
        train(sprites, steps=given.artwork_steps, seed=given.seed, drawn=None, start=None, to=artwork)
    for part in generated.COUNTS:
        if not (work / f"drawn-{part}.npz").exists():
            generated.draw(given.generator, part, work / f"drawn-{part}.npz")
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
    """Calibrate on what was held back, export, and print the exported graph's figures on what is left."""
    if tuple(LABELS) != CONCEPTS:
        raise SystemExit(
            "the adapter's LABELS and the training's CONCEPTS differ; make them the same, in order"
        )
    net, _ = figures.load(weights)
    pictures, present, said, _ = figures.views(sprites, VALIDATION)
    more, more_present, more_said = figures.drawn(work / "drawn-train.npz")
    held = np.arange(len(more)) % HELD_BACK == 0
    seen = np.concatenate([figures.logits(net, pictures)[1], figures.logits(net, more[held])[1]])
    present = np.concatenate([present, more_present[held]])
    said = np.concatenate([said, more_said[held]])
    slope, offset = figures.calibrate(seen, present, said)
    to.mkdir(parents=True, exist_ok=True)
    export(net, slope, offset, to / "model.onnx")
    calibration = {"concepts": list(CONCEPTS), "slope": slope, "offset": offset}
    (to / "calibration.json").write_text(json.dumps(calibration, indent=1) + "\n")
    files = ("model.onnx", "calibration.json")
    (to / SUMS).write_text("".join(f"{file_sha256(to / name)}  {name}\n" for name in files))
    print(
        "validation",
        json.dumps(figures.told(figures.scores_of(seen, slope, offset), present, said), indent=1),
    )
    test = {
        "unseen style": figures.views(sprites, TEST)[:3],
        "generated": figures.drawn(work / "drawn-test.npz"),
    }
    for name, (some, shown, spoken) in test.items():
        told = figures.told(figures.scores_by(to / "model.onnx", some), shown, spoken)
        print(name, json.dumps(told, indent=1))
    print("sha256 of SHA256SUMS:", file_sha256(to / SUMS))


if __name__ == "__main__":
    main()
