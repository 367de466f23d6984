"""Figures of the validation split: AUC and AP per head, and what a policy would flag.

Duty: measure scores against targets; it trains nothing and chooses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from training.prompt_safety.rows import HEADS, MODERATION, Row

JIGSAW_HEADS: Final = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")
JIGSAW_HARMFUL: Final = 0.1017
"""Share of the whole set's training rows with any label: 16,225 of 159,571. The carrying set has a third."""


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve, ties counted half."""
    if positive.all() or not positive.any():
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    wins = ranks[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
    return float(wins / (positive.sum() * (~positive).sum()))


def weighted_auc(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> float:
    """The same where a row stands for `weights` of its kind."""
    _, inverse = np.unique(scores, return_inverse=True)
    below = np.bincount(inverse, weights * ~positive)
    wins = np.cumsum(below) - below / 2
    hits = weights * positive
    return float((hits * wins[inverse]).sum() / (hits.sum() * below.sum()))


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """Precision averaged over the positives, in falling order of score."""
    if not positive.any():
        return float("nan")
    hits = positive[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def known(rows: Sequence[Row], head: str) -> tuple[np.ndarray, np.ndarray]:
    """Places of the rows that know a head, and whether each is positive (target of a half or more)."""
    places = np.array([at for at, row in enumerate(rows) if head in row.targets], int)
    return places, np.array([rows[at].targets[head] >= 0.5 for at in places], bool)


def tell_heads(rows: Sequence[Row], scores: np.ndarray) -> None:
    """One line a head, over all sources that know it."""
    print(f"{'head':24}{'rows':>7}{'pos':>6}{'AUC':>8}{'AP':>8}")
    for column, head in enumerate(HEADS):
        places, positive = known(rows, head)
        of = scores[places, column]
        print(
            f"{head:24}{len(places):7}{positive.sum():6}{auc(of, positive):8.4f}"
            f"{average_precision(of, positive):8.4f}"
        )


def tell_jigsaw(rows: Sequence[Row], scores: np.ndarray) -> float:
    """The six heads on the Jigsaw rows alone; returns their mean AUC.

    Beside it the AUC with the rows weighted to the share of harmful ones in the whole set: what a figure on
    the whole set is to be compared with.
    """
    own = np.array([at for at, row in enumerate(rows) if row.source == "jigsaw"])
    labels = np.array([[rows[at].targets[head] >= 0.5 for head in JIGSAW_HEADS] for at in own])
    any_label = labels.any(axis=1)
    harmless = any_label.sum() / JIGSAW_HARMFUL * (1 - JIGSAW_HARMFUL) / (~any_label).sum()
    weights = np.where(any_label, 1.0, harmless)
    found = []
    for head, positive in zip(JIGSAW_HEADS, labels.T, strict=True):
        of = scores[own, HEADS.index(head)]
        found.append((auc(of, positive), weighted_auc(of, positive, weights)))
        print(
            f"jigsaw {head:20}{positive.sum():5} of {len(own)}  AUC {found[-1][0]:.4f}"
            f"  at the whole set's share {found[-1][1]:.4f}"
        )
    mean, whole = np.mean(found, axis=0)
    print(f"jigsaw mean AUC {mean:.4f}  at the whole set's share {whole:.4f}")
    return float(mean)


def tell_prompts(rows: Sequence[Row], scores: np.ndarray) -> None:
    """Per source: how many rows, and quantiles of the highest score among the moderation heads."""
    highest = scores[:, : len(MODERATION)].max(axis=1)
    sources = np.array([row.source for row in rows])
    print(f"{'source':24}{'rows':>6}{'>=.35':>8}{'>=.6':>8}{'>=.85':>8}{'median':>8}{'99 %':>8}")
    for source in dict.fromkeys(sources):
        of = highest[sources == source]
        shares = "".join(f"{(of >= edge).mean():8.4f}" for edge in (0.35, 0.6, 0.85))
        print(f"{source:24}{len(of):6}{shares}{np.median(of):8.3f}{np.quantile(of, 0.99):8.3f}")
