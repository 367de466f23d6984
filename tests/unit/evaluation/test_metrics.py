"""Figures against values worked out by hand."""

from __future__ import annotations

import pytest

from gateway.evaluation.figures import Evaded, evasion_figures, figures, flagged, pair_figures
from gateway.evaluation.measure import Candidate, Measured
from gateway.evaluation.metrics import Rate, ranking
from gateway.evaluation.prompts import LabelledPrompt
from policies.decision import Action


def _measured(score: float, *, flagged: bool | None = None, category: str = "violence") -> Measured:
    stopped = score >= 0.5 if flagged is None else flagged
    return Measured({category: score}, Action.BLOCK if stopped else Action.ALLOW)


def _prompt(violates: bool | None, *, pair: str = "", cut: str = "") -> LabelledPrompt:
    labels = {} if violates is None else {"violence": violates}
    return LabelledPrompt("x", "set", 1, labels, slice=cut, pair=pair)


def test_average_precision_and_auc() -> None:
    """Violating at ranks 1 and 3: AP = (1/1 + 2/3) / 2, and 3 of 4 comparisons are right."""
    ranked = ranking([True, False, True, False], [0.9, 0.8, 0.7, 0.1])
    assert ranked.average_precision == pytest.approx(5 / 6)
    assert ranked.auc == pytest.approx(3 / 4)
    assert (ranked.positives, ranked.negatives) == (2, 2)
    assert (0.0, 0.5) in ranked.roc
    assert (0.5, 1.0) in ranked.precision_recall


def test_equal_scores_are_no_order() -> None:
    """A classifier that says the same of everything is worth a coin."""
    ranked = ranking([True, False, False, False], [0.5, 0.5, 0.5, 0.5])
    assert (ranked.auc, ranked.average_precision) == (0.5, 0.25)


def test_one_kind_of_prompt_has_no_ranking() -> None:
    """Without harmless prompts there is nothing to rank against: no figure, rather than a perfect one."""
    ranked = ranking([True, True], [0.9, 0.8])
    assert (ranked.average_precision, ranked.auc, ranked.positives) == (None, None, 2)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"), [(0, 100, 0.0, 0.0370), (1, 10, 0.0179, 0.4042), (10, 10, 0.7225, 1.0)]
)
def test_wilson_intervals(count: int, total: int, low: float, high: float) -> None:
    """0 of n reaches up to z² / (n + z²), z = 1.96; the others are the formula's."""
    told = Rate.from_counts(count, total)
    assert (told.low, told.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert told.rate == count / total


def test_nothing_counted_has_no_rate() -> None:
    """0 of 0 is not 0 %."""
    assert Rate.of([]) == Rate(0, 0, None, None, None)


def test_unknown_prompts_count_for_nothing() -> None:
    """A prompt that nobody labelled is in neither rate and in no ranking."""
    prompts = [_prompt(True), _prompt(False), _prompt(None)]
    measured = [_measured(0.9), _measured(0.1), _measured(0.9)]
    told = flagged(list(zip(prompts, measured, strict=True)))
    assert (told.violating.count, told.violating.total) == (1, 1)
    assert (told.harmless.count, told.harmless.total) == (0, 1)
    candidate = Candidate("one", ("one",), frozenset({"violence"}))
    whole = figures(candidate, prompts, measured, ["violence", "sexual"], evasions={}, speed=None)
    assert {slug: one.positives + one.negatives for slug, one in whole.rankings.items()} == {
        "any": 2,
        "violence": 2,
    }


def test_a_score_below_a_category_counts_for_it() -> None:
    """As in a policy: graphic violence is violence, and not the other way round."""
    graphic = _measured(0.8, category="violence/graphic")
    assert (graphic.score("violence"), graphic.score("violence/graphic")) == (0.8, 0.8)
    assert _measured(0.8).score("violence/graphic") == 0.0
    assert _measured(0.8, category="minor").highest(["violence", "sexual"]) == 0.0


def test_slices_tell_what_was_decided_rightly() -> None:
    """A flagged violating and an unflagged harmless prompt are both right."""
    prompts = [_prompt(True, cut="a"), _prompt(False, cut="a"), _prompt(False, cut="b")]
    measured = [_measured(0.9), _measured(0.1), _measured(0.9)]
    candidate = Candidate("one", ("one",), frozenset({"violence"}))
    told = figures(candidate, prompts, measured, ["violence"], evasions={}, speed=None).slices["set"]
    assert (told["a"].count, told["a"].total) == (2, 2)
    assert (told["b"].count, told["b"].total) == (0, 1)


def test_contrast_pairs() -> None:
    """Three pairs, one in the wrong order: at 60 % recall (two of three) one harmless side scores as high."""
    scores = {"1": (0.9, 0.2), "2": (0.7, 0.8), "3": (0.4, 0.1)}
    seen = []
    for pair, (violating, harmless) in scores.items():
        seen += [
            (_prompt(True, pair=pair), _measured(violating)),
            (_prompt(False, pair=pair), _measured(harmless)),
        ]
    seen.append((_prompt(True, pair="half"), _measured(0.99)))
    told = pair_figures(seen, ["violence"])
    assert told is not None
    assert (told.ordered.count, told.ordered.total) == (2, 3)
    assert told.violating_flagged.count == 2
    assert told.harmless_flagged.count == 1
    assert told.harmless_at[0.6].count == 1
    assert told.harmless_at[0.8].count == 1
    assert pair_figures([], ["violence"]) is None


def test_evasions_are_told_in_points_to_plain() -> None:
    """Ten violating prompts, eight found plain, seven evaded; of five harmless ones two more are flagged."""
    seen = [
        Evaded(True, _measured(0.9 if at < 8 else 0.1), _measured(0.9 if at < 7 else 0.1)) for at in range(10)
    ]
    seen += [Evaded(False, _measured(0.1), _measured(0.9 if at < 2 else 0.1)) for at in range(5)]
    told = evasion_figures(seen, is_encoding=False)
    assert (told.recall.rate, told.harmless.rate) == (0.7, 0.4)
    assert told.points == pytest.approx(-10)
    assert told.harmless_points == pytest.approx(40)
