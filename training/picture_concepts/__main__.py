"""One command from the artwork packages to models/picture-concepts: draw, train, calibrate, export, figures.

    python -m training.picture_concepts --packages node_modules --work DIR --to models/picture-concepts

Each stage writes into the work folder and is skipped when its file is there, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import functools
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
from training.picture_concepts.net import Early, parts

ROUNDS, EPOCHS = 3, 2
"""Every picture is composed anew in each round, and tuned on so many times."""
LAST_EPOCHS, LAST_SHARE = 2, 0.25
"""Then a round of the generator's pictures, more of them, with so much of the artwork."""
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
    names, weights = train.names_of(sprites), work / "concepts.safetensors"
    for part in generated.COUNTS:
        if not (work / f"drawn-{part}.npz").exists():
            generated.draw(given.generator, part, work / f"drawn-{part}.npz")
    if not weights.with_suffix(".json").exists():
        early, late = parts(len(names), len(CONCEPTS))
        seen = drawn_for_training(work, early)

        def made(seed: int) -> train.Learnt:
            return train.joined([train.artwork(sprites, early, seed), seen])

        rounds = [functools.partial(made, given.seed + number) for number in range(ROUNDS)]
        train.tune(
            late,
            rounds,
            epochs=EPOCHS,
            seed=given.seed,
            kept=lambda number: train.save(late, names, work / f"round-{number}.safetensors"),
        )

        def last() -> train.Learnt:
            again = train.thinned(train.artwork(sprites, early, given.seed + ROUNDS), LAST_SHARE, given.seed)
            return train.joined([again, seen, drawn_for_training(work, early, "more")])

        train.tune(
            late,
            [last],
            epochs=LAST_EPOCHS,
            seed=given.seed,
            kept=lambda _: train.save(late, names, weights),
            rates=train.LAST_RATES,
            new_heads=False,
        )
    finish(sprites, weights, work, given.to)


def drawn_part(
    work: Path, part: str = "train", *, held_back: bool
) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """The generator's pictures for training, or those held back, without what the judge doubts."""
    pictures, present, said = figures.drawn(work / f"drawn-{part}.npz")
    kept = (np.arange(len(pictures)) % HELD_BACK == 0) == held_back
    pictures, present, said = pictures[kept], present[kept], said[kept]
    pixels = ((pictures + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    said = generated.doubted(pixels, present, said)
    print(f"drawn: {len(pictures)} pictures, {int((present > said).sum())} of their concepts in doubt")
    return pictures, present * said, said


def drawn_for_training(work: Path, early: Early, part: str = "train") -> train.Learnt:
    """What is learnt from the generator's pictures."""
    pictures, present, said = drawn_part(work, part, held_back=False)
    return train.drawn(pictures, np.stack([present, said], 1), early)


def finish(sprites: Sprites, weights: Path, work: Path, to: Path) -> None:
    """Calibrate on what was held back, export, and print the exported graph's figures on what is left."""
    if tuple(LABELS) != CONCEPTS:
        raise SystemExit("the adapter's LABELS and CONCEPTS differ; make them the same, in order")
    early, late, names = train.load(weights)
    pictures, present, said, _ = figures.views(sprites, VALIDATION)
    drawn = [drawn_part(work, part, held_back=True) for part in generated.TAUGHT]
    every = [(pictures, present, said), *drawn]
    seen = np.concatenate([figures.logits(early, late, names, some) for some, _, _ in every])
    present, said = (np.concatenate([each[place] for each in every]) for place in (1, 2))
    slope, offset = figures.calibrate(seen, present, said)
    to.mkdir(parents=True, exist_ok=True)
    export(early, late, names, slope, offset, to / "model.onnx")
    calibration = {"concepts": list(CONCEPTS), "slope": slope, "offset": offset}
    (to / "calibration.json").write_text(json.dumps(calibration, indent=1) + "\n")
    files = ("model.onnx", "calibration.json")
    (to / SUMS).write_text("".join(f"{file_sha256(to / name)}  {name}\n" for name in files))
    print("sha256 of SHA256SUMS:", file_sha256(to / SUMS))
    told = figures.told(figures.scores_of(seen, slope, offset), present, said)
    print("validation", json.dumps(told, indent=1), flush=True)
    show(to, "unseen style", *figures.views(sprites, TEST)[:3])
    for part in ("alone", "test"):
        show(to, f"generated, {part}", *figures.drawn(work / f"drawn-{part}.npz"))


def show(to: Path, name: str, pictures: torch.Tensor, present: np.ndarray, said: np.ndarray) -> None:
    """Print the shipped graph's figures on one set."""
    told = figures.told(figures.scores_by(to / "model.onnx", pictures), present, said)
    print(name, json.dumps(told, indent=1), flush=True)


if __name__ == "__main__":
    main()
