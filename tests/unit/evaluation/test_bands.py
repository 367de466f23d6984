"""Proposed bands against values worked out by hand."""

from __future__ import annotations

import pytest
from support.gateway import POLICY

from gateway.core.errors import ConfigurationError
from gateway.evaluation.bands import category_bands, tune, yaml_fragment
from gateway.evaluation.measure import Measured
from gateway.evaluation.prompts import LabelledPrompt
from policies.decision import Action
from policies.loader import parse_policy

HARMLESS = [at / 1000 for at in range(100)]
"""0.000 to 0.099."""


def _seen(label: bool, score: float, category: str = "violence") -> tuple[LabelledPrompt, Measured]:
    prompt = LabelledPrompt("x", "set", 1, {category: label})
    return prompt, Measured({category: score}, Action.ALLOW)


def test_edges_keep_to_the_rate() -> None:
    """At 8 % of 100 harmless prompts low may be reached by 8, medium by 2, high by none."""
    bands = category_bands("violence", [0.05, 0.095, 0.2, 0.9], HARMLESS, 0.08)
    assert bands is not None
    told = {name: (edge.false_positives.count, edge.recall.count) for name, edge in bands.edges.items()}
    assert told == {"low": (8, 3), "medium": (2, 2), "high": (0, 2)}
    scores = [edge.score for edge in bands.edges.values()]
    assert scores == sorted(set(scores))
    assert 0.091 < scores[0] <= 0.092
    assert scores[2] == pytest.approx((0.099 + 0.2) / 2, abs=1e-4)
    assert bands.remarks == ("high needs 250 harmless prompts to be distinguished",)


def test_equal_scores_fall_on_one_side() -> None:
    """A score that too many harmless prompts share lies below the edge as a whole."""
    bands = category_bands("violence", [0.4, 0.7], [0.4] * 10 + [0.0] * 90, 0.05)
    assert bands is not None
    assert bands.edges["low"].false_positives.count == 0
    assert bands.edges["low"].recall.count == 1
    assert 0.4 < bands.edges["low"].score <= 0.55


def test_harmless_prompts_at_one_leave_no_room() -> None:
    """No edge can lie above 1."""
    assert category_bands("violence", [1.0], [1.0] * 10, 0.05) is None


def test_what_is_left_out_is_named() -> None:
    """Categories that nobody measures, or that no prompt is harmless in, get no bands and a reason."""
    seen = [_seen(False, 0.1), _seen(True, 0.9), _seen(True, 0.9, "hate"), _seen(False, 0.1, "sexual")]
    prompts, measured = zip(*seen, strict=True)
    tuning = tune(prompts, measured, frozenset({"violence", "hate"}), 0.01)
    assert [bands.category for bands in tuning.bands] == ["violence"]
    assert tuning.left_out == {
        "sexual": "no classifier here measures it",
        "hate": "no prompt is labelled harmless in it",
    }
    assert tuning.together["low"].recall.count == 1
    with pytest.raises(ConfigurationError, match="no bands can be proposed: violence"):
        tune(prompts[1:2], measured[1:2], frozenset({"violence"}), 0.01)


def test_the_fragment_is_one_that_a_policy_takes() -> None:
    """Pasted over the bands of a policy, with its default, it is read without a mistake."""
    prompts, measured = zip(*[_seen(False, s) for s in HARMLESS], _seen(True, 0.9), strict=True)
    fragment = yaml_fragment(tune(prompts, measured, frozenset({"violence"}), 0.05))
    assert "low finds 100.0 % of 1, flags 5.0 % of 100" in fragment
    policy = POLICY.replace("bands:", fragment, 1)
    assert "violence" in parse_policy(policy, "shop.yaml").document.bands
