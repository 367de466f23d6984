"""Rounds: several runs from the same weights, a process each; the next begins at the mean of their ends.

Duty: the order of the rounds, and the numbers of the shipped weights. A run draws with its own seed; frames
for validation are known by their hash, so no run sees them.

Source of the averaging: Wortsman et al., "Model soups" (2022). Runs that begin with the same weights end
where the mean of their ends is better than each.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file, save_file

from classifiers.text.rowwise_int8 import WEIGHT_MAX
from training.prompt_safety.corpus import Mixture, corpus
from training.prompt_safety.network import PromptSafetyNetwork
from training.prompt_safety.train import Settings, fit, save
from training.prompt_safety.written import VALIDATION_FOLDER

LAST: Final = "prompt-safety.safetensors"
"""The weights at the end of it all, inside the working folder."""
FIRST_SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Round:
    """Rows that each run draws, the learning rate, a seed per run, and what is drawn from."""

    samples: int
    rate: float
    seeds: Sequence[int]
    mixture: Mixture
    floor: float = 0.01
    until: int | None = None
    """Rows after which it ends before the schedule does."""
    without: Sequence[str] = ()
    """Files of written texts that were not there yet, by the beginning of their names."""
    rounded: bool = False
    """Whether it begins with the weights as a shipped graph keeps them, in seven bits."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie: the sets, held-out prompts, the backbone's folder, the checkpoints."""

    data: Path
    held_out: Path
    backbone: Path
    work: Path


_LAYER: Final = re.compile(r"encoder\.encoder\.layer\.(\d+)\.")
DECAY: Final = 0.92
FROZEN: Final = 4

_WIDE: Final = Mixture(
    posts=0.22,
    asked=0.16,
    templates=0.2,
    pictures=0.17,
    sentences=0.11,
    chat=0.09,
    short=0.05,
    harm=0,
    harmless=0,
)
_LAST: Final = Mixture(
    posts=0.13,
    asked=0.05,
    templates=0.02,
    pictures=0.11,
    sentences=0.06,
    chat=0.06,
    short=0.05,
    harm=0.22,
    harmless=0.30,
)
_LATER: Final = ("en_frames",)
_HARD: Final = (
    "en_frames",
    "en_pairs_09",
    "en_pairs_10",
    "en_pairs_13",
    "en_wide_06",
    "en_wide_07",
    "en_wide_08",
)
_MORE: Final = tuple(f"{path.stem}_more" for path in sorted(VALIDATION_FOLDER.glob("*.txt")))
_CONTRAST: Final = Mixture(
    posts=0.12,
    asked=0.06,
    templates=0.02,
    pictures=0.10,
    sentences=0.09,
    chat=0.06,
    short=0.07,
    harm=0.20,
    harmless=0.28,
    favoured=_MORE,
)
SHIPPED: Final = (
    Round(30_000, 1.2e-4, (7, 8), _WIDE, floor=0.5, until=20_000, without=_MORE),
    Round(70_000, 1.0e-4, (17, 18), Mixture(), floor=0.3, until=40_000, without=_LATER + _MORE),
    Round(40_000, 8e-5, (27, 28), Mixture(), until=20_000, without=_LATER + _MORE),
    Round(22_000, 6e-5, (37, 38), _LAST, without=_MORE),
    Round(11_000, 5e-5, (47, 48), replace(_LAST, favoured=_HARD), without=_MORE),
    Round(40_000, 6e-5, (57, 58), _LAST, floor=0.3, without=_MORE, rounded=True),
    Round(45_000, 5e-5, (67, 68), _CONTRAST),
)
"""What `models/prompt-safety` was trained by; the sixth took up the graph that five had shipped."""


def run_round(number: int, each: Round, places: Places, start: Path | None) -> Path:
    """Train the runs of a round side by side; returns the checkpoint with their mean."""
    target = places.work / f"round{number}.safetensors"
    if start is None:
        start = places.work / "start.safetensors"
        torch.manual_seed(FIRST_SEED)
        save(PromptSafetyNetwork.fresh(places.backbone), start)
    if each.rounded:
        start = _rounded(start, places.work / f"start{number}.safetensors")
    context = multiprocessing.get_context("spawn")
    runs = [
        context.Process(target=_run, args=(each, seed, places, start, _end_of(number, seed, places)))
        for seed in each.seeds
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    if any(run.exitcode for run in runs):
        raise RuntimeError(f"a run of round {number} failed")
    mean([_end_of(number, seed, places) for seed in each.seeds], target)
    return target


def mean(ends: Sequence[Path], target: Path) -> None:
    """The mean of several checkpoints, parameter by parameter."""
    states = [load_file(end) for end in ends]
    save_file({name: sum(state[name] for state in states) / len(states) for name in states[0]}, target)


def _rounded(source: Path, target: Path) -> Path:
    """The checkpoint with its trained layers' matrices rounded as `rowwise_int8` rounds them."""
    state = load_file(source)
    for name, value in state.items():
        layer = _LAYER.match(name)
        if layer is not None and int(layer[1]) >= FROZEN and value.dim() == 2:
            scale = (value.abs().amax(dim=1, keepdim=True) / WEIGHT_MAX).clamp(min=1e-12)
            state[name] = (value / scale).round() * scale
    save_file(state, target)
    return target


def _end_of(number: int, seed: int, places: Places) -> Path:
    return places.work / f"round{number}-seed{seed}.safetensors"


def _run(each: Round, seed: int, places: Places, start: Path, target: Path) -> None:
    rows = corpus(places.data, places.held_out, seed, each.mixture, each.without)
    settings = Settings(
        each.samples, seed, each.rate, DECAY, FROZEN, places.backbone, start, each.floor, each.until
    )
    fit(rows, settings, target)
