"""Rounds of runs: each from the mean of the one before."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from training.prompt_safety.stages import SHIPPED, mean


def test_a_round_ends_at_the_mean_of_its_runs(tmp_path: Path) -> None:
    """Parameter by parameter, whatever the number of runs."""
    for name, value in (("a", 1.0), ("b", 3.0)):
        save_file({"heads": torch.full((2, 2), value)}, tmp_path / name)
    mean([tmp_path / "a", tmp_path / "b"], tmp_path / "mean")
    assert torch.equal(load_file(tmp_path / "mean")["heads"], torch.full((2, 2), 2.0))


def test_no_seed_draws_twice_in_the_shipped_recipe() -> None:
    """Two runs that draw the same rows would be one run."""
    seeds = [seed for each in SHIPPED for seed in each.seeds]
    assert len(seeds) == len(set(seeds))
