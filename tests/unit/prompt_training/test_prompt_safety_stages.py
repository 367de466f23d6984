"""The one command trains in the stages of the shipped weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from training.prompt_safety.corpus import Corpus
from training.prompt_safety.grammar import Grammar
from training.prompt_safety.rows import HEADS, Row, none_of
from training.prompt_safety.stages import LAST, SHIPPED, Common, Stage, fit_stages


def rows_of(seed: int) -> Corpus:
    harmless = [Row(f"a photo of {count} apples", "coco", "T", none_of()) for count in range(8)]
    harmful = [Row(f"{count} men fight", "template_image_harm", "T", {"violence": 1.0}) for count in range(8)]
    return Corpus([*harmless, *harmful], [], Grammar(validation=False, words={}, seed=seed))


@pytest.mark.models
def test_each_stage_goes_on_from_the_one_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two tiny stages: both checkpoints stay, the second lies near the first, and the log names both."""
    seeds: list[int] = []

    def corpus_of(seed: int) -> Corpus:
        seeds.append(seed)
        return rows_of(seed)

    network = fit_stages(corpus_of, [Stage(16, 1e-3), Stage(8, 1e-5)], Common(7, 0.85, 5), tmp_path)
    assert seeds == [7, 8]
    told = capsys.readouterr().out
    assert "stage 1 of 2: 16 rows, rate 0.001, seed 7" in told
    assert "stage 2 of 2: 8 rows, rate 1e-05, seed 8" in told
    first, last = load_file(tmp_path / "stage-1.safetensors"), load_file(tmp_path / LAST)
    apart = (first["heads.weight"] - last["heads.weight"]).abs().max()
    assert 0 < apart < 0.01
    assert torch.equal(network.state_dict()["heads.weight"], last["heads.weight"])
    assert first["heads.weight"].shape[0] == len(HEADS)


def test_the_shipped_recipe_is_the_default() -> None:
    """180,000 rows, then 70,000 at about half the rate: what the card of the shipped weights says."""
    assert [(stage.samples, stage.rate) for stage in SHIPPED] == [(180_000, 1.5e-4), (70_000, 8e-5)]
