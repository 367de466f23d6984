"""The one command trains by the runs of the shipped weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from training.prompt_safety.corpus import Corpus
from training.prompt_safety.grammar import Grammar
from training.prompt_safety.network import PromptSafetyNetwork
from training.prompt_safety.rows import HEADS, Row, none_of
from training.prompt_safety.stages import LAST, SHIPPED, Common, Run, Stage, fit_runs


def rows_of(seed: int) -> Corpus:
    harmless = [Row(f"a photo of {count} apples", "coco", "T", none_of()) for count in range(8)]
    harmful = [Row(f"{count} men fight", "template_image_harm", "T", {"violence": 1.0}) for count in range(8)]
    return Corpus([*harmless, *harmful], [], Grammar(validation=False, words={}, seed=seed))


@pytest.mark.models
def test_runs_begin_alike_go_on_in_stages_and_are_averaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two tiny runs: checkpoints stay, a stage lies near the one before, the end is the mean of both."""
    seeds: list[int] = []

    def corpus_of(seed: int) -> Corpus:
        seeds.append(seed)
        return rows_of(seed)

    runs = [Run(7, [Stage(16, 1e-3), Stage(8, 1e-5)]), Run(17, [Stage(16, 1e-5)])]
    network = fit_runs(corpus_of, runs, Common(0.85, 5), tmp_path)
    assert seeds == [7, 8, 17]
    told = capsys.readouterr().out
    assert "stage 1 of 2: 16 rows, rate 0.001, seed 7" in told
    assert "stage 2 of 2: 8 rows, rate 1e-05, seed 8" in told
    assert "run 2 of 2" in told

    def heads(name: str) -> torch.Tensor:
        return load_file(tmp_path / name)["heads.weight"]

    first, second, other = map(
        heads, ("run-1/stage-1.safetensors", "run-1/stage-2.safetensors", "run-2/stage-1.safetensors")
    )
    assert 0 < (first - second).abs().max() < 0.01
    torch.manual_seed(7)
    begun = PromptSafetyNetwork.fresh().heads.weight
    assert 0 < (other - begun).abs().max() < 0.01
    assert torch.allclose(heads(LAST), (second + other) / 2)
    assert torch.equal(network.state_dict()["heads.weight"], heads(LAST))
    assert first.shape[0] == len(HEADS)


def test_the_shipped_recipe_is_the_default() -> None:
    """What the card of the shipped weights says: two runs, in three stages and in two."""
    told = [(run.seed, [(stage.samples, stage.rate) for stage in run.stages]) for run in SHIPPED]
    assert told == [
        (7, [(180_000, 1.5e-4), (70_000, 8e-5), (100_000, 8e-5)]),
        (17, [(120_000, 1.5e-4), (60_000, 8e-5)]),
    ]
