"""What picture-concepts makes of its network's answer, and what it sees in drawings made here."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from classifiers import taxonomy
from classifiers.image.picture_concepts import LABELS, PictureConceptsClassifier
from classifiers.protocol import ClassifierConfigError


def told(**scores: float) -> dict[str, tuple[float, str]]:
    """Category → score and concept, for these concepts and nothing else in the picture."""
    row = np.array([scores.get(name.replace("-", "_"), 0.0) for name in LABELS], np.float32)
    signals = PictureConceptsClassifier()._signals(row)
    return {signal.category: (signal.score, signal.concept) for signal in signals}


def test_every_concept_is_a_category_that_a_picture_can_show() -> None:
    """No concept is mapped to a category that coverage reports leave out."""
    assert set(LABELS.values()) <= set(taxonomy.PICTURED_CATEGORIES)


def test_the_higher_of_two_concepts_counts_and_is_named() -> None:
    """Weapon and death are both violence: one signal, with the score and the name of the likelier."""
    assert told(weapon=0.75, death=0.25)["violence"] == (0.75, "weapon")
    assert told(weapon=0.25, death=0.75)["violence"] == (0.75, "death")
    assert told(rude_gesture=0.5)["harassment"] == (0.5, "rude-gesture")
    assert len(told()) == len(set(LABELS.values()))


@pytest.mark.parametrize("broken", ["weapon", "death", "fire"])
def test_a_broken_output_is_no_low_score(broken: str) -> None:
    """NaN for one concept raises, also where another of the same category has a score."""
    with pytest.raises(ValueError, match="not in"):
        told(**{"weapon": 0.1, "death": 0.2, broken: math.nan})


def test_missing_or_other_weights_refuse_to_load(tmp_path: Path) -> None:
    """A folder without weights, or with other ones, is named with the fix and never loaded."""
    classifier = PictureConceptsClassifier.from_options("mine", {"model": str(tmp_path)})
    with pytest.raises(ClassifierConfigError, match="'mine': the weights are missing"):
        classifier.warmup()
    (tmp_path / "SHA256SUMS").write_text("0" * 64 + "  model.onnx\n")
    with pytest.raises(ClassifierConfigError, match="pinned"):
        classifier.warmup()
