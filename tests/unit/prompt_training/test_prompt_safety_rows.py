"""What the prompt classifier's training may see, and how its figures and calibration are made."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from training.prompt_safety.calibrate import PRIOR, platt
from training.prompt_safety.evaluate import auc, average_precision, weighted_auc
from training.prompt_safety.grammar import Grammar, targets_of
from training.prompt_safety.rows import HEADS, Counts, Row, held_out, kept, names_a_minor, text_hashes


def test_held_out_texts_are_dropped_and_counted(tmp_path: Path) -> None:
    """A text of the hash list or of a prompt file is dropped however it is spelled, with the reason."""
    (tmp_path / "heldout_hashes.txt.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "heldout_hashes_2.txt.gz").write_bytes(
        gzip.compress(
            ("# twenty digits\n" + "".join(f"u {one}\n" for one in text_hashes("A red apple"))).encode()
        )
    )
    (tmp_path / "set.jsonl").write_text(json.dumps({"text": "two dogs", "slice": "x"}) + "\n")
    rows = [Row(text, "s", "T", {}) for text in ("a  RED apple!", "Two dogs", "three cats", "Three cats.")]
    counts = Counts()
    assert [row.text for row in kept(rows, held_out(tmp_path, tmp_path), counts)] == ["three cats"]
    assert counts.dropped["s"] == {
        "held out: evaluation set": 1,
        "held out: benchmarks/prompts": 1,
        "repeated": 1,
    }


@pytest.mark.parametrize("cue", ["a schoolgirl", "his young son", "a 15 year old", "teens", "two toddlers"])
def test_a_sexual_row_with_a_cue_for_a_minor_is_dropped(cue: str) -> None:
    """Such a row is never trained on; the same words without that label are."""
    assert names_a_minor(cue)
    counts = Counts()
    rows = [Row(f"{cue} x", "s", "T", {"sexual": 0.5}), Row(f"{cue} y", "s", "T", {"sexual": 0.0})]
    assert [row.text for row in kept(rows, {}, counts)] == [f"{cue} y"]
    assert counts.dropped["s"] == {"sexual with a cue for a minor": 1}


def test_templates_of_the_two_sides_share_no_text_and_name_no_minor_in_a_sexual_row() -> None:
    """Validation's frames and training's are disjoint, every slot can be filled, every label is known."""
    sides = [
        list(Grammar(validation=side, words={}, seed=1).rows(each=1, stories=1)) for side in (False, True)
    ]
    assert all(sides)
    assert not {row.text.lower() for row in sides[0]} & {row.text.lower() for row in sides[1]}
    for row in (*sides[0], *sides[1]):
        assert "{" not in row.text
        assert not (row.targets.get("sexual") and names_a_minor(row.text)), row.source


def test_every_style_stands_under_harm_and_under_no_harm() -> None:
    """Style must not tell harm: each has harmful and harmless templates."""
    rows = Grammar(validation=False, words={}, seed=1).rows(each=1, stories=1)
    found = {row.source for row in rows}
    assert found == {
        f"template_{style}_{side}"
        for style in ("image", "chat", "post", "story")
        for side in ("benign", "harm")
    }


def test_what_a_label_leaves_open_is_masked() -> None:
    """A harmless template knows every head; a violent one does not say whether it is illicit or toxic."""
    assert set(targets_of("benign")) == set(HEADS)
    violent = targets_of("violence")
    assert violent["violence"] == 1
    assert violent["sexual"] == 0
    assert "illicit" not in violent
    assert "toxicity" not in violent


def test_figures_are_right_on_cases_done_by_hand() -> None:
    """AUC counts ties half; AP averages precision at each hit."""
    positive = np.array([True, False, True, False])
    assert auc(np.array([0.9, 0.8, 0.8, 0.1]), positive) == pytest.approx(3.5 / 4)
    assert average_precision(np.array([0.9, 0.8, 0.7, 0.1]), positive) == pytest.approx((1 + 2 / 3) / 2)


def test_a_weighted_auc_is_that_of_the_rows_repeated() -> None:
    """A row of weight three counts as three rows; ties count half."""
    positive = np.array([True, False, True, False])
    scores, weights = np.array([0.9, 0.8, 0.8, 0.1]), np.array([1.0, 3.0, 2.0, 1.0])
    repeated = np.repeat(np.arange(4), weights.astype(int))
    expected = auc(scores[repeated], positive[repeated])
    assert weighted_auc(scores, positive, weights) == pytest.approx(expected)


def test_calibration_undoes_a_known_distortion() -> None:
    """Logits stretched and shifted come back to even odds at the share meant; untouched heads stay."""
    random = np.random.default_rng(1)
    true = random.normal(0, 2, 4000)
    harmful = random.random(4000) < 1 / (1 + np.exp(-true))
    rows = [Row("x", "s", "T", {"violence": float(each)}) for each in harmful]
    logits = np.zeros((4000, len(HEADS)))
    column = HEADS.index("violence")
    logits[:, column] = 3 * true + 4
    slope, offset = platt(rows, logits)
    assert slope[column] == pytest.approx(1 / 3, rel=0.15)
    even = 4 + 3 * np.log((1 - PRIOR) / PRIOR)
    assert -offset[column] / slope[column] == pytest.approx(even, abs=1.2)
    assert slope[0] == 1
    assert offset[0] == 0
