"""Training in stages, each from the checkpoint of the one before: a long one, then a short, slower one.

Duty: the order of the runs, and the numbers of the shipped weights. Each stage draws its own templates (the
seed rises by one); validation frames are told by their hash, so no stage sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.prompt_safety.corpus import Corpus
from training.prompt_safety.network import PromptSafetyNetwork
from training.prompt_safety.train import Settings, fit

LAST: Final = "prompt-safety.safetensors"
"""The last stage's checkpoint, inside the working folder."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Rows drawn, repetitions included, and the learning rate."""

    samples: int
    rate: float


@dataclass(frozen=True, slots=True)
class Common:
    """What the stages share; see `train.Settings`. `seed` is the first one's."""

    seed: int
    decay: float
    frozen: int
    minutes: float = float("inf")
    start: Path | None = None


SHIPPED: Final = (Stage(180_000, 1.5e-4), Stage(70_000, 8e-5))
"""What `models/prompt-safety` was trained by."""


def fit_stages(
    corpus_of: Callable[[int], Corpus], stages: Sequence[Stage], common: Common, work: Path
) -> PromptSafetyNetwork:
    """Train through all stages and return the last one's network; every stage's checkpoint is kept in `work`.

    `corpus_of` makes the rows of a seed, and logs what it read, dropped and masked.
    """
    start, network = common.start, None
    for number, stage in enumerate(stages):
        seed = common.seed + number
        print(f"stage {number + 1} of {len(stages)}: {stage.samples} rows, rate {stage.rate:g}, seed {seed}")
        settings = Settings(
            stage.samples, seed, stage.rate, common.decay, common.frozen, common.minutes, start
        )
        start = work / (LAST if number + 1 == len(stages) else f"stage-{number + 1}.safetensors")
        network = fit(corpus_of(seed), settings, start)
    if network is None:
        raise ValueError("there is no stage to train")
    return network
