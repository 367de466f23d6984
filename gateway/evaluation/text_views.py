"""An evaluation as plain values, for report.json and `--json`. Names here are what programs rely on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from gateway.evaluation.figures import Figures, Flagged
from gateway.evaluation.metrics import Ranking, Rate
from gateway.evaluation.text import Evaluation

View: TypeAlias = dict[str, Any]


def evaluation_view(evaluation: Evaluation, *, curves: bool) -> View:
    """Return the evaluation; `curves` adds every point of the precision-recall and ROC curves."""
    return {
        "policy": {"name": evaluation.policy.name, "revision": evaluation.policy.revision},
        "datasets": dict(evaluation.prompts),
        "categories": list(evaluation.categories),
        "evaded_prompts": evaluation.evaded,
        "evaded_harmless_prompts": evaluation.evaded_harmless,
        "classifiers": {
            name: {
                "kind": card.kind,
                "revision": card.revision,
                "sha256": card.weights_sha256,
                "calibrated": card.calibrated,
                "categories": sorted(card.categories),
                "languages": list(card.languages),
            }
            for name, card in evaluation.cards.items()
        },
        "candidates": [_figures(figures, curves=curves) for figures in evaluation.candidates],
    }


def rate_view(rate: Rate) -> View:
    """Return a rate with its Wilson 95 % interval."""
    return {"count": rate.count, "total": rate.total, "rate": rate.rate, "low": rate.low, "high": rate.high}


def _figures(figures: Figures, *, curves: bool) -> View:
    pairs, speed = figures.pairs, figures.speed
    return {
        "name": figures.candidate.name,
        "classifiers": list(figures.candidate.classifiers),
        "rankings": {slug: _ranking(one, curves=curves) for slug, one in figures.rankings.items()},
        "flagged": _flagged(figures.total),
        "flagged_by_dataset": {name: _flagged(one) for name, one in figures.datasets.items()},
        "flagged_by_category": _rates(figures.recall),
        "right_by_slice": {name: _rates(slices) for name, slices in figures.slices.items()},
        "flagged_by_language": {lang: _flagged(one) for lang, one in figures.languages.items()},
        "harmless_flagged_for": _rates(figures.blamed),
        "pairs": None
        if pairs is None
        else {
            "ordered": rate_view(pairs.ordered),
            "violating_flagged": rate_view(pairs.violating_flagged),
            "harmless_flagged": rate_view(pairs.harmless_flagged),
            "harmless_at_recall": {f"{at:g}": rate_view(rate) for at, rate in pairs.harmless_at.items()},
        },
        "evasions": {
            name: {
                "recall": rate_view(one.recall),
                "points": round(one.points, 2),
                "harmless": rate_view(one.harmless),
                "harmless_points": round(one.harmless_points, 2),
                "encoding": one.is_encoding,
            }
            for name, one in figures.evasions.items()
        },
        "speed": None
        if speed is None
        else {
            "load_cpu_s": round(speed.load_cpu_s, 3),
            "one_cpu_ms": round(speed.one_cpu_ms, 4),
            "batch_cpu_ms": round(speed.batch_cpu_ms, 4),
            "prompts": speed.prompts,
        },
    }


def _flagged(flagged: Flagged) -> View:
    return {"violating": rate_view(flagged.violating), "harmless": rate_view(flagged.harmless)}


def _rates(rates: Mapping[str, Rate]) -> View:
    return {name: rate_view(rate) for name, rate in rates.items()}


def _ranking(ranking: Ranking, *, curves: bool) -> View:
    view: View = {
        "positives": ranking.positives,
        "negatives": ranking.negatives,
        "average_precision": ranking.average_precision,
        "auc": ranking.auc,
    }
    if curves:
        view["precision_recall"] = [list(point) for point in ranking.precision_recall]
        view["roc"] = [list(point) for point in ranking.roc]
    return view
