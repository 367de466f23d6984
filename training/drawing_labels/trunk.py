"""Trains the drawing network on real artwork: names, and beside them the concepts of `picture_concepts`.

One thread, bf16 autocast where the processor multiplies it, seeded. Steps are counted, not minutes, so
that a seed gives the same order of pictures everywhere. The shipped judge had 2,400 steps.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional

from training.drawing_labels.net import SIDE, DrawingNet
from training.picture_concepts import augment
from training.picture_concepts.artwork import TRAINED, Sprites, collect
from training.picture_concepts.concepts import CONCEPTS, targets
from training.picture_concepts.train import concept_loss, names_of

BATCH = 64
SIDES = ((0.5, 32), (0.8, 48), (1.0, SIDE))
"""Up to which part of the artwork's steps pictures have which side: names are learnt small and cheaply."""
FINE = 2
"""Pictures of the full side are drawn so many times as large and averaged; smaller ones straight away."""
RARE = 10.0
"""How much oftener a drawing that shows a concept is taken."""


@dataclass(frozen=True)
class Batch:
    """B pictures in [-1, 1]; up to three names each (B x 3) and each one's share; concepts; what is said."""

    pictures: torch.Tensor
    labels: torch.Tensor
    shares: torch.Tensor
    concepts: torch.Tensor
    said: torch.Tensor


class Source:
    """Batches of composed pictures with their label, concepts, and what is said of them."""

    def __init__(self, sprites: Sprites, styles: tuple[str, ...], seed: int) -> None:
        self.names = names_of(sprites)
        place = {name: index for index, name in enumerate(self.names)}
        rows = [row for row in sprites.rows(*styles) if sprites.labels[row] in place]
        self.pixels = torch.from_numpy(np.ascontiguousarray(sprites.pixels[rows]))
        self.halved = functional.avg_pool2d(self.pixels.float(), 2).round().to(torch.uint8)
        self.label = torch.tensor([place[sprites.labels[row]] for row in rows])
        told = [targets(sprites.labels[row]) for row in rows]
        self.concepts = torch.tensor([each[0] for each in told])
        self.said = torch.tensor([each[1] for each in told])
        per_label = torch.bincount(self.label, minlength=len(self.names)).float()
        self.weight = (1 + (RARE - 1) * self.concepts.amax(1)) / per_label[self.label].sqrt()
        self.rng = torch.Generator().manual_seed(seed)

    def draw(self, count: int) -> torch.Tensor:
        return torch.multinomial(self.weight, count, replacement=True, generator=self.rng)

    def sprites(self, rows: torch.Tensor, side: int) -> torch.Tensor:
        return (self.pixels if side == SIDE else self.halved)[rows].float() / 255

    def batch(self, count: int = BATCH, side: int = SIDE) -> Batch:
        """One thing in two thirds of the pictures, one to three in the others; fewer when small."""
        rng, alone = self.rng, count * 2 // 3
        drawn_at = {"side": side, "fine": FINE if side == SIDE else 1}
        low, few, many = 22 / side, max(0.3, 16 / side), max(0.7, 26 / side)
        canvas = augment.grounds(count, rng, side=side)
        first = self.draw(count)
        labels, shares = self.label[first][:, None].repeat(1, 3), torch.tensor([[1.0, 0, 0]]).repeat(count, 1)
        concepts, said = self.concepts[first], self.said[first]
        single = augment.random_placed(self.sprites(first[:alone], side), low, 1.0, rng, **drawn_at)
        several = augment.random_placed(self.sprites(first[alone:], side), few, many, rng, **drawn_at)
        for place in (1, 2):  # none to two others below the first
            other = self.draw(count - alone)
            there = torch.rand(count - alone, generator=rng) < (0.6 if side == SIDE else 0.4)
            drawn = augment.random_placed(self.sprites(other, side), few, many, rng, **drawn_at)
            drawn = augment.tinted(drawn, rng)
            drawn = drawn * there.view(-1, 1, 1, 1)
            labels[alone:, place], shares[alone:, place] = self.label[other], 0.5 * there
            canvas[alone:] = augment.over(canvas[alone:], drawn)
            concepts[alone:] = torch.where(
                there[:, None], torch.maximum(concepts[alone:], self.concepts[other]), concepts[alone:]
            )
            said[alone:] = torch.where(
                there[:, None], torch.minimum(said[alone:], self.said[other]), said[alone:]
            )
        canvas = augment.over(canvas, augment.tinted(torch.cat([single, several]), rng))
        said = torch.maximum(said, concepts)
        shares = shares / shares.sum(1, keepdim=True)
        return Batch(augment.softened(canvas, rng), labels, shares, concepts, said)


def halves() -> bool:
    """Whether the processor multiplies bf16 itself; there is no public question for either way."""
    cpu = torch.cpu
    return cpu._is_amx_tile_supported() or cpu._is_avx512_bf16_supported()  # noqa: SLF001


def name_loss(logits: torch.Tensor, labels: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Cross entropy against the shares of up to three names, smoothed by .1; rows without are skipped."""
    logp = logits.log_softmax(1)
    named = shares.sum(1)
    each = 0.9 * (shares * logp.gather(1, labels)).sum(1) + 0.1 * named * logp.mean(1)
    return -each.sum() / named.sum()


def train(sprites: Sprites, *, steps: int, seed: int, to: Path) -> None:
    """Writes the weights to `to` (safetensors) with the label names beside them."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    source = Source(sprites, TRAINED, seed)
    net = DrawingNet(len(source.names), len(CONCEPTS)).to(memory_format=torch.channels_last)
    average = {name: value.clone() for name, value in net.state_dict().items()}
    peak = 2.5e-3
    optimiser = torch.optim.AdamW(net.parameters(), lr=peak, weight_decay=0.05, fused=True)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak, total_steps=steps, pct_start=0.1)
    amp = halves()
    began = time.process_time()
    for step in range(steps):
        side = next(each for until, each in SIDES if step < until * steps)
        made = source.batch(side=side)
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            names, seen = net(made.pictures.to(memory_format=torch.channels_last))
        names, seen = names.float(), seen.float()
        loss_names = name_loss(names, made.labels, made.shares)
        loss_seen = concept_loss(seen, made.concepts, made.said)
        optimiser.zero_grad()
        (loss_names + 3 * loss_seen).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        plan.step()
        keep = min(0.995, (step + 1) / (step + 20))
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                average[name].mul_(keep).add_(value, alpha=1 - keep)
            else:
                average[name] = value.clone()
        if step % 100 == 0 or step == steps - 1:
            right = (names[: BATCH // 2].argmax(1) == made.labels[: BATCH // 2, 0]).float().mean()
            print(
                f"step {step}: names {loss_names:.3f} right {right:.2f} concepts {loss_seen:.4f} "
                f"cpu {time.process_time() - began:.0f} s",
                flush=True,
            )
            save_file({name: value.contiguous() for name, value in average.items()}, to)
    to.with_suffix(".json").write_text(json.dumps({"labels": source.names, "concepts": list(CONCEPTS)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="node_modules with the artwork")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--to", type=Path, required=True)
    given = parser.parse_args()
    train(collect(given.packages, given.work), steps=given.steps, seed=given.seed, to=given.to)


if __name__ == "__main__":
    main()
