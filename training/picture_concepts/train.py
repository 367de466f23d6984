"""Tunes the late part on drawings: the artwork of every trained style, and the generator's own pictures.

In each round every picture is composed anew and passes the early part once; what comes out is kept in memory
and tuned on for some epochs. One thread, seeded; bf16 where the processor has AMX.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from training.picture_concepts import augment, icons
from training.picture_concepts.artwork import DRAWN, TRAINED, Sprites
from training.picture_concepts.concepts import CONCEPTS, targets
from training.picture_concepts.net import SIDE, Early, Late, parts

BATCH = 128
VIEWS = {"emoji": 2, "emoji with a concept": 24, "icon": 1, "icon with a concept": 6}
"""Pictures of each drawing in a round."""
SEVERAL = 6400
"""Pictures of two or three things."""
FILLING, UNTOUCHED = 0.45, 0.35
"""Shares of single things that fill the picture, and of pictures that are neither softened nor noisy."""
HEAD_EPOCHS = 4
RATES = (5e-4, 2e-3)
"""Of the late part, and of the heads, at their highest."""
LAST_RATES = (1.5e-4, 6e-4)
"""The same in the last round, which goes on from the others."""


@dataclass
class Learnt:
    """What is learnt from: early features (half), label (-100: none said), concepts, what is said of them."""

    early: torch.Tensor
    label: torch.Tensor
    concepts: torch.Tensor
    said: torch.Tensor


def thinned(learnt: Learnt, share: float, seed: int) -> Learnt:
    """A part of it, at random."""
    rng = torch.Generator().manual_seed(seed)
    kept = torch.randperm(len(learnt.early), generator=rng)[: int(share * len(learnt.early))]
    return Learnt(*(getattr(learnt, f.name)[kept] for f in fields(Learnt)))


def joined(parts_of: list[Learnt]) -> Learnt:
    """All of them as one."""
    return Learnt(*(torch.cat([getattr(each, f.name) for each in parts_of]) for f in fields(Learnt)))


def names_of(sprites: Sprites) -> list[str]:
    """The names of the trained styles' emoji, in order; icons have none."""
    return sorted({sprites.labels[row] for row in sprites.rows(*DRAWN)})


def told_of(label: str) -> tuple[list[float], list[float]]:
    """Per concept whether a drawing shows it, and whether that is said."""
    return icons.targets(label) if label.startswith("icon ") else targets(label)


def artwork(sprites: Sprites, early: Early, seed: int) -> Learnt:
    """One round: every drawing of the trained styles in as many views as `VIEWS` says, and several in one."""
    place = {name: index for index, name in enumerate(names_of(sprites))}
    rows = sprites.rows(*TRAINED)
    pixels = torch.from_numpy(np.ascontiguousarray(sprites.pixels[rows]))
    label = torch.tensor([place.get(sprites.labels[row], -100) for row in rows])
    told = torch.tensor([told_of(sprites.labels[row]) for row in rows])
    concepts, said = told[:, 0], told[:, 1]
    rng = torch.Generator().manual_seed(seed)
    shows, named = concepts.amax(1) > 0, label >= 0
    counts = torch.where(
        named,
        torch.where(shows, VIEWS["emoji with a concept"], VIEWS["emoji"]),
        torch.where(shows, VIEWS["icon with a concept"], VIEWS["icon"]),
    )
    weight = (1 + 9 * shows.float()) * torch.where(named, 1.0, 0.3)
    found: list[Learnt] = []

    def placed(
        some: torch.Tensor, low: float, high: float, canvas: torch.Tensor, filling: float = 0.0
    ) -> torch.Tensor:
        sprites_ = pixels[some].float() / 255
        drawn = augment.random_placed(sprites_, low, high, rng, side=SIDE, filling=filling)
        return augment.over(canvas, augment.tinted(drawn, rng))

    for some in torch.arange(len(label)).repeat_interleave(counts).split(64):
        canvas = placed(some, 0.35, 1.0, augment.grounds(len(some), rng, side=SIDE), filling=FILLING)
        kept = passed(early, augment.softened(canvas, rng, untouched=UNTOUCHED))
        found.append(Learnt(kept, label[some], concepts[some], torch.maximum(said[some], concepts[some])))
    for number in range(SEVERAL // 64):
        canvas = augment.grounds(64, rng, side=SIDE)
        shown, spoken = torch.zeros(64, len(CONCEPTS)), torch.ones(64, len(CONCEPTS))
        for _ in range(2 + number % 2):
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
        return early(pictures.contiguous(memory_format=torch.channels_last)).half()


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


def tune(
    late: Late,
    rounds: list[Callable[[], Learnt]],
    *,
    epochs: int,
    seed: int,
    kept: Callable[[int], None],
    rates: tuple[float, float] = RATES,
    new_heads: bool = True,
) -> None:
    """New heads alone on the first round, then everything, for `epochs` of each round's pictures.

    The rates fall over all rounds; `kept` is called after each with its number.
    """
    torch.manual_seed(seed)
    late.eval().to(memory_format=torch.channels_last)
    late.drop.train()
    heads = [*late.names.parameters(), *late.concepts.parameters()]
    tuned = [*late.blocks.parameters(), *late.conv.parameters(), *late.bn.parameters()]
    optimiser = torch.optim.AdamW([{"params": tuned}, {"params": heads}], lr=rates[0], weight_decay=0.05)
    plan, began = None, time.process_time()
    for number, make in enumerate(rounds):
        learnt = make()
        print(
            f"round {number}: {len(learnt.early)} pictures, {time.process_time() - began:.0f} s", flush=True
        )
        if plan is None:
            if new_heads:
                _tune_heads(late, learnt, heads)
            steps = len(rounds) * epochs * (len(learnt.early) // BATCH)
            plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps, pct_start=0.05)
        for epoch in range(epochs):
            losses = []
            for some in torch.randperm(len(learnt.early)).split(BATCH)[: len(learnt.early) // BATCH]:
                loss = loss_of(late, _deep(late, learnt.early[some]), learnt, some)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                plan.step()
                losses.append(float(loss.detach()))
            print(f"epoch {epoch}: {np.mean(losses):.3f}, {time.process_time() - began:.0f} s", flush=True)
        kept(number)


def _tune_heads(late: Late, learnt: Learnt, heads: list[torch.nn.Parameter]) -> None:
    with torch.no_grad():
        deep = torch.cat([_deep(late, some) for some in learnt.early.split(BATCH)])
    optimiser = torch.optim.AdamW(heads, lr=3e-3, weight_decay=0.02)
    for _ in range(HEAD_EPOCHS):
        for some in torch.randperm(len(deep)).split(BATCH):
            optimiser.zero_grad()
            loss_of(late, deep[some], learnt, some).backward()
            optimiser.step()


def _deep(late: Late, early: torch.Tensor) -> torch.Tensor:
    with precision():
        return late.deep(early.float().contiguous(memory_format=torch.channels_last)).float()


def precision() -> Any:
    """bf16 where the processor multiplies it in tiles; elsewhere it is slower than float32."""
    fast = torch.cpu._is_amx_tile_supported()  # noqa: SLF001  # there is no public question
    return torch.autocast("cpu", torch.bfloat16, enabled=fast)


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
