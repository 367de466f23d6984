"""Tunes the late part on drawings: the artwork first, then the generator's pictures beside it.

Each training picture is composed once and passes the early part once; what comes out is kept in memory and
tuned on for some epochs. One thread, bf16 autocast, seeded.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from training.picture_concepts import augment
from training.picture_concepts.artwork import TRAINED, Sprites
from training.picture_concepts.concepts import CONCEPTS, targets
from training.picture_concepts.net import SIDE, Early, Late, parts

BATCH = 96
AGAIN = 8
"""How many views more a drawing that shows a concept gets."""
SEVERAL = 1280
"""Pictures of two things."""
HEAD_EPOCHS = 12
RATES = (4e-4, 1.5e-3)
"""Of the late part, and of the heads."""


@dataclass
class Learnt:
    """What is learnt from: early features (half), label (-100: none said), concepts, what is said of them."""

    early: torch.Tensor
    label: torch.Tensor
    concepts: torch.Tensor
    said: torch.Tensor


def joined(parts_of: list[Learnt]) -> Learnt:
    """All of them as one."""
    return Learnt(*(torch.cat([getattr(each, f.name) for each in parts_of]) for f in fields(Learnt)))


def names_of(sprites: Sprites) -> list[str]:
    """The names of the trained styles' drawings, in order."""
    return sorted({sprites.labels[row] for row in sprites.rows(*TRAINED)})


def artwork(sprites: Sprites, early: Early, seed: int) -> Learnt:
    """Every drawing of the trained styles in one view, those with a concept in more, and pictures of two."""
    place = {name: index for index, name in enumerate(names_of(sprites))}
    rows = sprites.rows(*TRAINED)
    pixels = torch.from_numpy(np.ascontiguousarray(sprites.pixels[rows]))
    label = torch.tensor([place[sprites.labels[row]] for row in rows])
    told = torch.tensor([targets(sprites.labels[row]) for row in rows])
    concepts, said = told[:, 0], told[:, 1]
    rng = torch.Generator().manual_seed(seed)
    weight = (1 + 9 * concepts.amax(1)) / torch.bincount(label).float()[label].sqrt()
    found: list[Learnt] = []

    def placed(some: torch.Tensor, low: float, high: float, canvas: torch.Tensor) -> torch.Tensor:
        drawn = augment.random_placed(pixels[some].float() / 255, low, high, rng, side=SIDE)
        return augment.over(canvas, augment.tinted(drawn, rng))

    positive = torch.nonzero(concepts.amax(1) > 0)[:, 0]
    for some in torch.cat([torch.arange(len(label)), positive.repeat(AGAIN)]).split(64):
        canvas = placed(some, 0.35, 1.0, augment.grounds(len(some), rng, side=SIDE))
        kept = passed(early, augment.softened(canvas, rng))
        found.append(Learnt(kept, label[some], concepts[some], torch.maximum(said[some], concepts[some])))
    for _ in range(SEVERAL // 64):
        canvas = augment.grounds(64, rng, side=SIDE)
        shown, spoken = torch.zeros(64, len(CONCEPTS)), torch.ones(64, len(CONCEPTS))
        for _ in range(2):
            some = torch.multinomial(weight, 64, replacement=True, generator=rng)
            canvas = placed(some, 0.3, 0.65, canvas)
            shown, spoken = torch.maximum(shown, concepts[some]), torch.minimum(spoken, said[some])
        kept = passed(early, augment.softened(canvas, rng))
        found.append(Learnt(kept, torch.full((64,), -100), shown, torch.maximum(spoken, shown)))
    return joined(found)


@torch.inference_mode()
def passed(early: Early, pictures: torch.Tensor) -> torch.Tensor:
    """The early part's answer, as half."""
    with torch.autocast("cpu", torch.bfloat16):
        return early(pictures.to(memory_format=torch.channels_last)).half()


def drawn(pictures: torch.Tensor, told: np.ndarray, early: Early) -> Learnt:
    """Generated pictures (N x 3 x 128 x 128 in [-1, 1]), as they are and mirrored; they name nothing."""
    both = torch.cat([pictures, pictures.flip(3)])
    kept = torch.cat([passed(early, some) for some in both.split(64)])
    wanted = torch.from_numpy(told).float().repeat(2, 1, 1)
    return Learnt(kept, torch.full((len(both),), -100), wanted[:, 0], wanted[:, 1])


def concept_loss(logits: torch.Tensor, wanted: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy where something is said; positives count three times."""
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (each * said * (1 + 2 * wanted)).sum() / said.sum()


def loss_of(late: Late, deep: torch.Tensor, learnt: Learnt, some: torch.Tensor) -> torch.Tensor:
    """Names (smoothed by .1) and three times the concepts."""
    names, concepts = late.heads(deep)
    label, loss = learnt.label[some], concepts.sum() * 0
    if (label >= 0).any():
        loss = functional.cross_entropy(names, label, ignore_index=-100, label_smoothing=0.1)
    return loss + 3 * concept_loss(concepts, learnt.concepts[some], learnt.said[some])


def tune(late: Late, learnt: Learnt, *, epochs: int, seed: int, heads_first: bool) -> None:
    """The heads alone on the late part as it is, where they are new; then everything, for `epochs`."""
    torch.manual_seed(seed)
    late.eval()
    late.drop.train()
    heads = [*late.names.parameters(), *late.concepts.parameters()]
    if heads_first:
        deep = torch.cat([_deep(late, some).detach() for some in learnt.early.split(128)])
        optimiser = torch.optim.AdamW(heads, lr=3e-3, weight_decay=0.02)
        for _ in range(HEAD_EPOCHS):
            for some in torch.randperm(len(deep)).split(128):
                optimiser.zero_grad()
                loss_of(late, deep[some], learnt, some).backward()
                optimiser.step()
    tuned = [*late.blocks.parameters(), *late.conv.parameters(), *late.bn.parameters()]
    groups = [{"params": tuned}, {"params": heads}]
    optimiser = torch.optim.AdamW(groups, lr=RATES[0], weight_decay=0.05)
    steps = epochs * (len(learnt.early) // BATCH)
    peak = [rate if heads_first else rate / 3 for rate in RATES]
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak, total_steps=steps + 5, pct_start=0.1)
    began = time.process_time()
    for epoch in range(epochs):
        for some in torch.randperm(len(learnt.early)).split(BATCH)[: len(learnt.early) // BATCH]:
            loss = loss_of(late, _deep(late, learnt.early[some]), learnt, some)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            plan.step()
        print(f"epoch {epoch}: {loss:.3f}, cpu {time.process_time() - began:.0f} s", flush=True)


def _deep(late: Late, early: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return late.deep(early.float()).float()


def save(late: Late, names: list[str], to: Path) -> None:
    """The late part as safetensors, its names beside it."""
    save_file({name: value.contiguous() for name, value in late.state_dict().items()}, to)
    to.with_suffix(".json").write_text(json.dumps({"labels": names, "concepts": list(CONCEPTS)}))


def load(weights: Path) -> tuple[Early, Late, list[str]]:
    """Both parts in evaluation mode, and the names."""
    told = json.loads(weights.with_suffix(".json").read_text())
    early, late = parts(len(told["labels"]), len(told["concepts"]))
    late.load_state_dict(load_file(weights))
    return early, late.eval(), told["labels"]
