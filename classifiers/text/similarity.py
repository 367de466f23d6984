"""From example embeddings to scores: one small kernel machine per category.

Duty: learn, at load, what sets a category's examples apart from its counter-examples, and score embeddings
by it. It knows numbers only, no text. Each category is a kernel ridge classifier over its few hundred
examples (closed form, milliseconds), which weighs look-alikes better than the nearest example does; one
logistic curve, fitted on prompts held apart from all examples, turns its output into a score.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]

# Chosen on the dev prompts (benchmarks/prototypes_dev.py): AUC moves by less than .005 for 1..4 and .1..1.
_SHARPNESS: Final = 2.0
_RIDGE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Calibration:
    """`score = 1 / (1 + exp(-(slope × margin + offset)))`."""

    slope: float
    offset: float


class ExampleScorer:
    """Scores unit vectors against the examples of each category; `categories` gives the columns' order."""

    def __init__(
        self,
        examples: dict[str, Vectors],
        counter_examples: dict[str, Vectors],
        benign: Vectors,
        calibration: Calibration,
    ) -> None:
        self.categories = tuple(examples)
        self._calibration = calibration
        parts = [benign, *examples.values(), *counter_examples.values()]
        self._points = np.concatenate(parts)
        self._weights = np.zeros((len(self._points), len(self.categories)))
        places = np.cumsum([0, *map(len, parts)])
        ranges = [np.arange(start, end) for start, end in itertools.pairwise(places)]
        positive = dict(zip(examples, ranges[1 : 1 + len(examples)], strict=True))
        counter = dict(zip(counter_examples, ranges[1 + len(examples) :], strict=True))
        for column, category in enumerate(self.categories):
            negative = np.concatenate([ranges[0], counter.get(category, np.arange(0))])
            chosen = np.concatenate([positive[category], negative])
            self._weights[chosen, column] = _fitted(self._points[chosen], len(positive[category]))

    def margins(self, vectors: Vectors) -> Scores:
        """Kernel machine outputs, vectors × categories; about −1 (harmless) to 1 (as the examples)."""
        return np.asarray(_kernel(vectors, self._points) @ self._weights, dtype=np.float64)

    def scores(self, vectors: Vectors) -> Scores:
        """Scores in [0, 1], vectors × categories, higher = more like the examples."""
        raised = self._calibration.slope * self.margins(vectors) + self._calibration.offset
        return 1.0 / (1.0 + np.exp(-np.clip(raised, -60, 60)))


def _fitted(points: Vectors, positives: int) -> Scores:
    """Weights of a kernel ridge classifier whose two classes count the same."""
    targets = np.where(np.arange(len(points)) < positives, 1.0, -1.0)
    shares = np.where(targets > 0, (len(points) - positives) / positives, 1.0)
    kernel = _kernel(points, points)
    return np.asarray(np.linalg.solve(kernel + _RIDGE * np.diag(1.0 / shares), targets), dtype=np.float64)


def _kernel(left: Vectors, right: Vectors) -> Scores:
    """exp(s·(cos − 1)): 1 for the same direction, smoothly less for others."""
    return np.exp(_SHARPNESS * ((left @ right.T).astype(np.float64) - 1.0))
