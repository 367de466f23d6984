"""A score's meaning: Platt's slope and offset for each head, fitted on texts that training never saw.

Duty: logits and targets to two numbers a head. Sources are evened out within a side, and one text in five
counts as harmful (`PRIOR`), whatever the sets' own shares: a calibrated .5 is where harm and no harm are
equally likely at that share. So a policy's bands keep their meaning when the model changes; how common harm
really is at an operator's is for the bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from training.prompt_safety.rows import HEADS, Row

PRIOR: Final = 0.2
_STEPS: Final = 60
_SHRINK: Final = 1e-3


def platt(rows: Sequence[Row], logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and offset per head (`HEADS`' order); a head without examples of both sides stays as it is."""
    slope, offset = np.ones(len(HEADS)), np.zeros(len(HEADS))
    for column, head in enumerate(HEADS):
        places = np.array([at for at, row in enumerate(rows) if head in row.targets], int)
        targets = np.array([rows[at].targets[head] for at in places])
        sources = np.array([rows[at].source for at in places])
        if (targets >= 0.5).sum() >= 5 and (targets < 0.5).sum() >= 5:
            weights = _even(sources, targets >= 0.5)
            slope[column], offset[column] = _fit(logits[places, column], targets, weights)
            offset[column] -= np.log((1 - PRIOR) / PRIOR)
    return slope, offset


def _even(sources: np.ndarray, positive: np.ndarray) -> np.ndarray:
    weights = np.zeros(len(sources))
    for side in (positive, ~positive):
        for source in np.unique(sources[side]):
            mine = side & (sources == source)
            weights[mine] = np.sqrt(mine.sum()) / mine.sum()
        weights[side] /= weights[side].sum()
    return weights / 2


def _fit(x: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Newton's method on the weighted log loss, both sides alike; a small ridge holds the slope near one."""
    a, b = 1.0, 0.0
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-(a * x + b)))
        slack, curve = weights * (p - targets), weights * p * (1 - p)
        gradient = np.array([(slack * x).sum() + _SHRINK * (a - 1), slack.sum()])
        hessian = np.array(
            [
                [(curve * x * x).sum() + _SHRINK, (curve * x).sum()],
                [(curve * x).sum(), curve.sum() + 1e-9],
            ]
        )
        step = np.linalg.solve(hessian, gradient)
        a, b = a - np.clip(step[0], -0.5, 0.5), b - np.clip(step[1], -1, 1)
    return max(float(a), 0.05), float(b)
