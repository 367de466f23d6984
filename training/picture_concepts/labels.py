"""The other head, for measuring a generator: which of the artwork's names a picture shows.

Trained on the real artwork alone, never on generated pictures. Writes labels.onnx (N x 3 x 64 x 64 float32 in
[-1, 1] -> N x names logits, fp16 weights) and labels.json (the names in order, and how often they are
recognised in held-out views of a trained style and in styles that training never saw).

    python -m training.picture_concepts.labels --work DIR --weights DIR/artwork.safetensors --to DIR/labels
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from training.picture_concepts import figures, train
from training.picture_concepts.artwork import Sprites, collect
from training.picture_concepts.export import export_names
from training.picture_concepts.net import Early, Late

STYLES = ("fluent", "noto-v1", "twemoji")
"""The first was trained on, in other views; the others were not."""


def recognised(early: Early, late: Late, names: list[str], sprites: Sprites, style: str) -> dict[str, float]:
    """Share of pictures whose name comes first, or among five: as they stand, and placed at random."""
    place = {name: index for index, name in enumerate(names)}
    pictures, _, _, labels = figures.views(sprites, style, seed=6)
    known = torch.tensor([place.get(label, -1) for label in labels])
    top = torch.from_numpy(figures.logits(early, late, pictures)[0]).topk(5, 1).indices
    hit = top == known[:, None]
    told = {}
    plain = torch.arange(len(labels)) < len(labels) // figures.VIEWS
    for what, rows in (("as it stands", plain & (known >= 0)), ("placed", ~plain & (known >= 0))):
        told[f"{what}: top 1"] = round(float(hit[rows, 0].float().mean()), 4)
        told[f"{what}: top 5"] = round(float(hit[rows].any(1).float().mean()), 4)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, default=Path("node_modules"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    early, late, names = train.load(given.weights)
    given.to.mkdir(parents=True, exist_ok=True)
    export_names(early, late, given.to / "labels.onnx")
    sprites = collect(given.packages, given.work)
    told = {style: recognised(early, late, names, sprites, style) for style in STYLES}
    print(json.dumps(told, indent=1))
    (given.to / "labels.json").write_text(json.dumps({"labels": names, "recognised": told}, indent=1) + "\n")


if __name__ == "__main__":
    main()
