"""Runs from the same first weights, averaged; each in stages, one from the checkpoint of the one before.

Duty: the order of the runs, and the numbers of the shipped weights. Each stage draws its own templates (the
seed rises by one); validation frames are told by their hash, so no stage sees them.

Source of the averaging: Wortsman et al., "Model soups" (2022). Runs that begin with the same weights end
where the mean of their ends is better than each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file, save_file

from training.prompt_safety.corpus import Corpus
from training.prompt_safety.network import PromptSafetyNetwork
from training.prompt_safety.train import Settings, fit, load

LAST: Final = "prompt-safety.safetensors"
"""The weights at the end of it all, inside the working folder."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Rows drawn, repetitions included, and the learning rate."""

    samples: int
    rate: float


@dataclass(frozen=True, slots=True)
class Run:
    """Stages, each from the end of the one before; `seed` is the first one's, each further one adds one."""

    seed: int
    stages: Sequence[Stage]


@dataclass(frozen=True, slots=True)
class Common:
    """What the stages share; see `train.Settings`."""

    decay: float
    frozen: int
    minutes: float = float("inf")
    start: Path | None = None


SHIPPED: Final = (
    Run(7, (Stage(180_000, 1.5e-4), Stage(70_000, 8e-5), Stage(100_000, 8e-5))),
    Run(17, (Stage(120_000, 1.5e-4), Stage(60_000, 8e-5))),
)
"""What `models/prompt-safety` was trained by."""


def fit_runs(
    corpus_of: Callable[[int], Corpus], runs: Sequence[Run], common: Common, work: Path
) -> PromptSafetyNetwork:
    """Train every run and return the network with the mean of their ends, saved as `LAST` in `work`.

    All runs begin with the new layers' first weights of the first one. `corpus_of` makes the rows of a seed,
    and logs what it read, dropped and masked. Each stage's checkpoint is kept.
    """
    ends = []
    for number, run in enumerate(runs, 1):
        print(f"run {number} of {len(runs)}")
        first = runs[0].seed if number > 1 else None
        ends.append(_fit_stages(corpus_of, run, first, common, work / f"run-{number}"))
    save_file(mean_of(ends), work / LAST)
    return load(work / LAST)


def _fit_stages(
    corpus_of: Callable[[int], Corpus], run: Run, first: int | None, common: Common, work: Path
) -> Path:
    start = common.start
    for number, stage in enumerate(run.stages):
        seed = run.seed + number
        print(
            f"stage {number + 1} of {len(run.stages)}: {stage.samples} rows, rate {stage.rate:g}, seed {seed}"
        )
        settings = Settings(
            stage.samples,
            seed,
            stage.rate,
            common.decay,
            common.frozen,
            common.minutes,
            start,
            first if number == 0 else None,
        )
        start = work / f"stage-{number + 1}.safetensors"
        fit(corpus_of(seed), settings, start)
    if start is None:
        raise ValueError("there is no stage to train")
    return start


def mean_of(checkpoints: Sequence[Path]) -> dict[str, torch.Tensor]:
    """The mean of the checkpoints' weights, each counted alike."""
    loaded = [load_file(path) for path in checkpoints]
    return {
        name: torch.stack([each[name].double() for each in loaded]).mean(0).to(value.dtype)
        for name, value in loaded[0].items()
    }
