"""Trains the drawing network: names and concepts on the artwork first, then on generated pictures too.

One thread, bf16 autocast where the processor multiplies it, seeded, resumable only as a whole. Steps are
counted, not minutes, so that a seed gives the same order of pictures everywhere.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from training.picture_concepts import augment
from training.picture_concepts.artwork import TRAINED, Sprites, collect
from training.picture_concepts.concepts import CONCEPTS, POSITIVE, targets
from training.picture_concepts.net import DrawingNet

BATCH = 64
RARE = 10.0
"""How much oftener a drawing that shows a concept is taken."""


class Source:
    """Batches of composed pictures with their label, concepts, and what is said of them."""

    def __init__(self, sprites: Sprites, styles: tuple[str, ...], seed: int) -> None:
        self.names = sorted({sprites.labels[row] for row in sprites.rows(*TRAINED)})
        place = {name: index for index, name in enumerate(self.names)}
        rows = [row for row in sprites.rows(*styles) if sprites.labels[row] in place]
        self.pixels = torch.from_numpy(np.ascontiguousarray(sprites.pixels[rows]))
        self.label = torch.tensor([place[sprites.labels[row]] for row in rows])
        told = [targets(sprites.labels[row]) for row in rows]
        self.concepts = torch.tensor([each[0] for each in told])
        self.said = torch.tensor([each[1] for each in told])
        per_label = torch.bincount(self.label, minlength=len(self.names)).float()
        self.weight = (1 + (RARE - 1) * self.concepts.amax(1)) / per_label[self.label].sqrt()
        self.rng = torch.Generator().manual_seed(seed)

    def draw(self, count: int) -> torch.Tensor:
        return torch.multinomial(self.weight, count, replacement=True, generator=self.rng)

    def sprites(self, rows: torch.Tensor) -> torch.Tensor:
        return self.pixels[rows].float() / 255

    def batch(self, count: int = BATCH) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pictures, label (-100 where several things are), concepts and said."""
        rng, half = self.rng, count // 2
        canvas = augment.grounds(count, rng)
        first = self.draw(count)
        label, concepts, said = self.label[first].clone(), self.concepts[first], self.said[first]
        sizes = (0.55, 1.0)
        single = augment.random_placed(self.sprites(first[:half]), *sizes, rng)
        several = augment.random_placed(self.sprites(first[half:]), 0.3, 0.7, rng)
        for _ in range(2):  # one or two others below the first
            other = self.draw(count - half)
            there = torch.rand(count - half, generator=rng) < 0.6
            drawn = augment.tinted(augment.random_placed(self.sprites(other), 0.3, 0.7, rng), rng)
            drawn = drawn * there.view(-1, 1, 1, 1)
            canvas[half:] = augment.over(canvas[half:], drawn)
            concepts[half:] = torch.where(
                there[:, None], torch.maximum(concepts[half:], self.concepts[other]), concepts[half:]
            )
            said[half:] = torch.where(
                there[:, None], torch.minimum(said[half:], self.said[other]), said[half:]
            )
        label[half:] = -100
        canvas = augment.over(canvas, augment.tinted(torch.cat([single, several]), rng))
        said = torch.maximum(said, concepts)
        return augment.softened(canvas, rng), label, concepts, said


def concept_loss(logits: torch.Tensor, wanted: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy where something is said; positives count three times."""
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (each * said * (1 + 2 * wanted)).sum() / said.sum()


def train(
    sprites: Sprites,
    *,
    steps: int,
    seed: int,
    drawn: tuple[torch.Tensor, torch.Tensor] | None,
    start: Path | None,
    to: Path,
) -> None:
    """Writes the weights to `to` (safetensors) with the label names beside them."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    source = Source(sprites, TRAINED, seed)
    net = DrawingNet(len(source.names), len(CONCEPTS)).to(memory_format=torch.channels_last)
    if start is not None:
        net.load_state_dict(load_file(start))
    average = {name: value.clone() for name, value in net.state_dict().items()}
    peak = 2e-3 if start is None else 5e-4
    optimiser = torch.optim.AdamW(net.parameters(), lr=peak, weight_decay=0.05)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak, total_steps=steps, pct_start=0.1)
    cpu = torch.cpu  # there is no public question for either
    amp = cpu._is_amx_tile_supported() or cpu._is_avx512_bf16_supported()  # noqa: SLF001
    began = time.process_time()
    for step in range(steps):
        pictures, label, concepts, said = source.batch()
        if drawn is not None:
            more, wanted = drawn
            take = torch.randint(len(more), (BATCH // 2,), generator=source.rng)
            fresh = augment.softened(_jittered(more[take], source.rng), source.rng)
            pictures = torch.cat([pictures, fresh])
            label = torch.cat([label, torch.full((len(take),), -100)])
            concepts, said = torch.cat([concepts, wanted[take, 0]]), torch.cat([said, wanted[take, 1]])
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            names, seen = net(pictures.to(memory_format=torch.channels_last))
        names, seen = names.float(), seen.float()
        loss_names = functional.cross_entropy(names, label, ignore_index=-100, label_smoothing=0.1)
        loss_seen = concept_loss(seen, concepts, said)
        optimiser.zero_grad()
        (loss_names + 3 * loss_seen).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        plan.step()
        keep = min(0.998, (step + 1) / (step + 20))
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                average[name].mul_(keep).add_(value, alpha=1 - keep)
            else:
                average[name] = value.clone()
        if step % 100 == 0 or step == steps - 1:
            right = (names.argmax(1) == label)[label >= 0].float().mean()
            print(
                f"step {step}: names {loss_names:.3f} right {right:.2f} concepts {loss_seen:.4f} "
                f"cpu {time.process_time() - began:.0f} s",
                flush=True,
            )
            save_file({name: value.contiguous() for name, value in average.items()}, to)
    to.with_suffix(".json").write_text(json.dumps({"labels": source.names, "concepts": list(CONCEPTS)}))


def _jittered(pictures: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Whole pictures (B x 3 in 0..1) mirrored and moved a little, the border repeated."""
    count = len(pictures)
    scale = 1 / (0.85 + 0.3 * torch.rand(count, generator=rng))
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = scale * ((torch.rand(count, generator=rng) < 0.5).float() * 2 - 1)
    theta[:, 1, 1] = scale
    theta[:, :, 2] = (torch.rand(count, 2, generator=rng) - 0.5) * 0.2
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="node_modules with the artwork")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--pictures", type=Path, help=".npz of generated pictures (see generated.py)")
    parser.add_argument("--to", type=Path, required=True)
    given = parser.parse_args()
    drawn = None
    if given.pictures:
        told = np.load(given.pictures)
        drawn = (
            torch.from_numpy(told["pictures"]).permute(0, 3, 1, 2).float() / 255,
            torch.from_numpy(told["targets"]).float(),
        )
    sprites = collect(given.packages, given.work)
    shown = sum(len(each) for each in POSITIVE.values())
    print(f"{len(sprites.labels)} drawings; {shown} labels show a concept", flush=True)
    train(sprites, steps=given.steps, seed=given.seed, drawn=drawn, start=given.start, to=given.to)


if __name__ == "__main__":
    main()
