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
from torch import nn

from training.picture_concepts import figures
from training.picture_concepts.artwork import Sprites, collect
from training.picture_concepts.export import halved
from training.picture_concepts.net import SIDE, DrawingNet

STYLES = ("fluent", "noto-v1", "twemoji")
"""The first was trained on, in other views; the others were not."""


class _Names(nn.Module):
    def __init__(self, net: DrawingNet) -> None:
        super().__init__()
        halved(net)
        self.net = net

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.net.labels(self.net.features(pictures))


def recognised(net: DrawingNet, names: list[str], sprites: Sprites, style: str) -> dict[str, float]:
    """Share of pictures whose name comes first, or among five: as they stand, and placed at random."""
    place = {name: index for index, name in enumerate(names)}
    pictures, _, _, labels = figures.views(sprites, style, seed=6)
    known = torch.tensor([place.get(label, -1) for label in labels])
    top = torch.from_numpy(figures.logits(net, pictures)[0]).topk(5, 1).indices
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
    net, names = figures.load(given.weights)
    sprites = collect(given.packages, given.work)
    told = {style: recognised(net, names, sprites, style) for style in STYLES}
    print(json.dumps(told, indent=1))
    given.to.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        _Names(net).eval(),
        (torch.zeros(2, 3, SIDE, SIDE),),
        str(given.to / "labels.onnx"),
        input_names=["pictures"],
        output_names=["logits"],
        dynamic_axes={"pictures": {0: "n"}, "logits": {0: "n"}},
        opset_version=18,
        dynamo=False,
        do_constant_folding=False,
    )
    (given.to / "labels.json").write_text(json.dumps({"labels": names, "recognised": told}, indent=1) + "\n")


if __name__ == "__main__":
    main()
