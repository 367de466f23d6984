"""The judge of `imagegate eval images`: which of the artwork's names a picture shows.

Keeps the drawing network that `trunk` trained on real artwork and fits new layers for the names on its last
maps, over views like those that a generator's pictures and their windows give: upright, nearly filling the
picture, soft, sometimes in another colour. No generated picture is ever seen. Writes model.onnx, labels.json
and SHA256SUMS, and prints how often names are recognised: in the trained styles as they stand and in new
views, and in styles that training never saw.

    python -m training.drawing_labels --work DIR --weights DIR/artwork.safetensors --to models/drawing-labels
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from classifiers.weights import write_sums
from training.drawing_labels.net import SIDE, DrawingNet
from training.drawing_labels.trunk import FINE, halves
from training.picture_concepts import augment
from training.picture_concepts.artwork import TEST, TRAINED, VALIDATION, Sprites, collect

VIEWS = {"fluent": 8, "fluent-3d": 3, "noto": 3}
"""Views per drawing; most of the style that the embedded generator draws."""
HIDDEN, EPOCHS, BATCH, RATE = 384, 24, 256, 2e-3


class Judge(nn.Module):
    """B x 3 x 64 x 64 in [-1, 1] -> logits over the names."""

    def __init__(self, net: DrawingNet, names: int) -> None:
        super().__init__()
        self.net = net
        width = net.labels.in_features // 2
        self.head = nn.Sequential(
            nn.LayerNorm(6 * width),
            nn.Linear(6 * width, HIDDEN),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(HIDDEN, names),
        )

    def maps(self, pictures: torch.Tensor) -> torch.Tensor:
        """Mean, maximum and the means of the four quarters of the last map: B x 6 channels' widths."""
        deep = self.net.stages(self.net.stem(pictures))
        quarters = functional.avg_pool2d(deep, 2).flatten(1)
        return torch.cat([deep.mean((2, 3)), deep.amax((2, 3)), quarters], 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.head(self.maps(pictures))


def views(sprites: torch.Tensor, rng: torch.Generator, plain: bool = False) -> torch.Tensor:
    """One picture of each sprite (B x 4 x h x w in [0, 1]): B x 3 x 64 x 64 in [-1, 1]."""
    count = len(sprites)

    def rand() -> torch.Tensor:
        return torch.rand(count, generator=rng)

    scale = torch.ones(count) if plain else torch.where(rand() < 0.5, torch.ones(count), 0.7 + 0.3 * rand())
    room = (1 - scale)[:, None] + (0.0 if plain else 0.04)
    shift = (torch.rand(count, 2, generator=rng) * 2 - 1) * room
    turn = torch.zeros(count) if plain else torch.randn(count, generator=rng) * 0.04
    same = torch.ones(count)
    drawn = augment.placed(sprites, scale, turn, shift, same, same, side=SIDE, fine=FINE)
    if plain:
        return augment.over(torch.ones(count, 3, SIDE, SIDE), drawn) * 2 - 1
    painted = (rand() < 0.4).view(-1, 1, 1, 1)
    drawn = torch.where(painted, augment.tinted(drawn, rng), drawn)
    grounds = torch.where(
        (rand() < 0.8).view(-1, 1, 1, 1),
        torch.ones(count, 3, SIDE, SIDE),
        augment.grounds(count, rng, side=SIDE),
    )
    beside = sprites[torch.randperm(count, generator=rng)]  # a neighbour's edge, as a window of a pair has it
    edge = torch.where((rand() < 0.5)[:, None], torch.tensor([[1.5, 0.0]]), torch.tensor([[0.0, 1.5]]))
    edge = edge * torch.where(rand() < 0.5, 1.0, -1.0)[:, None]
    other = augment.placed(beside, torch.full((count,), 0.75), turn, edge, same, same, side=SIDE, fine=FINE)
    there = ((scale < 0.8) & (rand() < 0.5)).float().view(-1, 1, 1, 1)
    whole = augment.over(augment.over(grounds, other * there), drawn)
    small = functional.interpolate(functional.avg_pool2d(whole, 2), scale_factor=2, mode="bicubic")
    soft = torch.where((rand() < 0.4).view(-1, 1, 1, 1), small.clamp(0, 1), whole)
    return soft * 2 - 1


def features(judge: Judge, pixels: torch.Tensor, rng: torch.Generator, plain: bool = False) -> torch.Tensor:
    """`judge.maps` of one view of each sprite (uint8)."""
    out = []
    for part in pixels.split(128):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=halves()):
            out.append(judge.maps(views(part.float() / 255, rng, plain)).float())
    return torch.cat(out)


def fit(judge: Judge, known: torch.Tensor, names: torch.Tensor, seed: int) -> None:
    """Fits the head on features and names."""
    torch.manual_seed(seed)
    judge.head.train()
    optimiser = torch.optim.AdamW(judge.head.parameters(), RATE, weight_decay=0.02)
    steps = EPOCHS * -(-len(known) // BATCH)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.1)
    for epoch in range(EPOCHS):
        losses = []
        for rows in torch.randperm(len(known)).split(BATCH):
            loss = functional.cross_entropy(judge.head(known[rows]), names[rows], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            plan.step()
            losses.append(loss.item())
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}", flush=True)
    judge.head.eval()


def recognised(judge: Judge, sprites: Sprites, place: dict[str, int], style: str) -> dict[str, float]:
    """Share of a style's drawings whose name comes first, or among five: as they stand, and in new views."""
    rows = [row for row in sprites.rows(style) if sprites.labels[row] in place]
    known = torch.tensor([place[sprites.labels[row]] for row in rows])
    pixels, told = torch.from_numpy(np.ascontiguousarray(sprites.pixels[rows])), {"drawings": len(rows)}
    for what, plain in (("as it stands", True), ("another view", False)):
        rng = torch.Generator().manual_seed(1234)
        with torch.no_grad():
            top = judge.head(features(judge, pixels, rng, plain)).topk(5, 1).indices == known[:, None]
        told[f"{what}: top 1"] = round(float(top[:, 0].float().mean()), 3)
        told[f"{what}: top 5"] = round(float(top.any(1).float().mean()), 3)
    return told


def export(judge: Judge, names: list[str], to: Path) -> None:
    """Writes the judge's folder; weights are kept in half precision and computed with in single."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    to.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        judge.eval(),
        (torch.zeros(2, 3, SIDE, SIDE),),
        str(to / "model.onnx"),
        input_names=["pictures"],
        output_names=["logits"],
        dynamic_axes={"pictures": {0: "count"}, "logits": {0: "count"}},
        opset_version=18,
        dynamo=False,
    )
    model = onnx.load(to / "model.onnx")
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < 1000:
            continue
        name = tensor.name
        tensor.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.half")
        )
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    onnx.save(model, to / "model.onnx")
    (to / "labels.json").write_text(json.dumps({"labels": names}, indent=0, ensure_ascii=False) + "\n")
    print(write_sums(to))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--packages", type=Path, default=Path("node_modules"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    told = json.loads(given.weights.with_suffix(".json").read_text())
    names: list[str] = told["labels"]
    net = DrawingNet(len(names), len(told["concepts"]))
    net.load_state_dict(load_file(given.weights))
    judge = Judge(net.eval().to(memory_format=torch.channels_last), len(names)).eval()
    sprites = collect(given.packages, given.work)
    place = {name: index for index, name in enumerate(names)}
    rng = torch.Generator().manual_seed(given.seed)
    known, wanted = [], []
    for style in TRAINED:
        rows = sprites.rows(style)
        pixels = torch.from_numpy(np.ascontiguousarray(sprites.pixels[rows]))
        for view in range(VIEWS[style]):
            known.append(features(judge, pixels, rng, plain=view == 0))
            wanted.append(torch.tensor([place[sprites.labels[row]] for row in rows]))
        print(style, len(rows), flush=True)
    fit(judge, torch.cat(known), torch.cat(wanted), given.seed)
    for style in ("fluent", "noto", VALIDATION, TEST):
        print(style, recognised(judge, sprites, place, style), flush=True)
    export(judge, names, given.to)


if __name__ == "__main__":
    main()
