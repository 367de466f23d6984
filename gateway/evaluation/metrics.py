"""Figures over scores and counts. Thresholds, ties and intervals are the libraries' business.

Sources: scikit-learn (average precision, ROC), scipy (Wilson's score interval, which Brown, Cai and DasGupta
recommend for proportions near 0 and 1; Statistical Science 16, 2001).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Points: TypeAlias = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `total`, with Wilson's 95 % interval; all in [0, 1], None when there is nothing to count."""

    count: int
    total: int
    rate: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, hits: Iterable[bool]) -> Rate:
        """The share of True."""
        seen = list(hits)
        return cls.from_counts(sum(seen), len(seen))

    @classmethod
    def from_counts(cls, count: int, total: int) -> Rate:
        """`count` of `total`."""
        if total == 0:
            return cls(0, 0, None, None, None)
        from scipy.stats import binomtest

        interval = binomtest(count, total).proportion_ci(0.95, method="wilson")
        return cls(count, total, count / total, float(interval.low), float(interval.high))


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well scores put the violating prompts first.

    `average_precision` and `auc` are None without both kinds of prompt. `precision_recall` holds (recall,
    precision), `roc` (false-positive rate, recall).
    """

    positives: int
    negatives: int
    average_precision: float | None = None
    auc: float | None = None
    precision_recall: Points = ()
    roc: Points = ()


def ranking(labels: Sequence[bool], scores: Sequence[float]) -> Ranking:
    """Return the ranking's figures. `labels` and `scores` go together, one per prompt."""
    positives, negatives = sum(labels), len(labels) - sum(labels)
    if not positives or not negatives:
        return Ranking(positives, negatives)
    from sklearn import metrics

    precision, recall, _ = metrics.precision_recall_curve(labels, scores)
    false_positive, true_positive, _ = metrics.roc_curve(labels, scores)
    return Ranking(
        positives,
        negatives,
        float(metrics.average_precision_score(labels, scores)),
        float(metrics.roc_auc_score(labels, scores)),
        tuple((float(r), float(p)) for r, p in zip(recall, precision, strict=True)),
        tuple((float(f), float(t)) for f, t in zip(false_positive, true_positive, strict=True)),
    )
