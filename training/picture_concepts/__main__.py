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
from training.picture_concepts import figures, generated, train
from training.picture_concepts.artwork import TEST, VALIDATION, Sprites, collect
from training.picture_concepts.concepts import CONCEPTS
from training.picture_concepts.export import export
from training.picture_concepts.net import parts

ARTWORK_EPOCHS, DRAWN_EPOCHS = 3, 2
HELD_BACK = 4
"""Every fourth of the generator's training pictures is kept for calibration."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="node_modules with the artwork")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--generator", type=Path, default=Path("models/emoji-diffusion"))
    parser.add_argument("--to", type=Path, default=Path("models/picture-concepts"))
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args()
    torch.set_num_threads(1)
    work: Path = given.work
    sprites = collect(given.packages, work)
    names = train.names_of(sprites)
    artwork, weights = work / "artwork.safetensors", work / "concepts.safetensors"
    if not artwork.with_suffix(".json").exists():
        early, late = parts(len(names), len(CONCEPTS))
        learnt = train.artwork(sprites, early, given.seed)
        train.tune(late, learnt, epochs=ARTWORK_EPOCHS, seed=given.seed, heads_first=True)
        train.save(late, names, artwork)
    for part in generated.COUNTS:
        if not (work / f"drawn-{part}.npz").exists():
            generated.draw(given.generator, part, work / f"drawn-{part}.npz")
    if not weights.with_suffix(".json").exists():
        early, late, _ = train.load(artwork)
        pictures, present, said = figures.drawn(work / "drawn-train.npz")
        kept = np.arange(len(pictures)) % HELD_BACK != 0
        told = np.stack([present, said], 1)[kept]
        learnt = train.joined(
            [train.artwork(sprites, early, given.seed + 1), train.drawn(pictures[kept], told, early)]
        )
        train.tune(late, learnt, epochs=DRAWN_EPOCHS, seed=given.seed + 1, heads_first=False)
        train.save(late, names, weights)
    finish(sprites, weights, work, given.to)


def finish(sprites: Sprites, weights: Path, work: Path, to: Path) -> None:
    """Calibrate on what was held back, export, and print the exported graph's figures on what is left."""
    if tuple(LABELS) != CONCEPTS:
        raise SystemExit("the adapter's LABELS and CONCEPTS differ; make them the same, in order")
    early, late, _ = train.load(weights)
    pictures, present, said, _ = figures.views(sprites, VALIDATION)
    more, more_present, more_said = figures.drawn(work / "drawn-train.npz")
    held = np.arange(len(more)) % HELD_BACK == 0
    seen = np.concatenate([figures.logits(early, late, some)[1] for some in (pictures, more[held])])
    present = np.concatenate([present, more_present[held]])
    said = np.concatenate([said, more_said[held]])
    slope, offset = figures.calibrate(seen, present, said)
    to.mkdir(parents=True, exist_ok=True)
    export(early, late, slope, offset, to / "model.onnx")
    calibration = {"concepts": list(CONCEPTS), "slope": slope, "offset": offset}
    (to / "calibration.json").write_text(json.dumps(calibration, indent=1) + "\n")
    files = ("model.onnx", "calibration.json")
    (to / SUMS).write_text("".join(f"{file_sha256(to / name)}  {name}\n" for name in files))
    print("sha256 of SHA256SUMS:", file_sha256(to / SUMS))
    told = figures.told(figures.scores_of(seen, slope, offset), present, said)
    print("validation", json.dumps(told, indent=1), flush=True)
    show(to, "unseen style", *figures.views(sprites, TEST)[:3])
    if (work / "drawn-test.npz").exists():
        show(to, "generated", *figures.drawn(work / "drawn-test.npz"))


def show(to: Path, name: str, pictures: torch.Tensor, present: np.ndarray, said: np.ndarray) -> None:
    """Print the shipped graph's figures on one set."""
    told = figures.told(figures.scores_by(to / "model.onnx", pictures), present, said)
    print(name, json.dumps(told, indent=1), flush=True)


if __name__ == "__main__":
    main()
