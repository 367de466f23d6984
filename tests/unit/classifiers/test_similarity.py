"""Scores by example: near the examples high, near the counter-examples low."""

from __future__ import annotations

import numpy as np

from classifiers.text.similarity import Calibration, ExampleScorer

AXES = np.eye(8, dtype=np.float32)


def around(axis: int, count: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.1, (count, 8)).astype(np.float32)
    points = AXES[axis] + noise
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_examples_attract_and_counter_examples_repel() -> None:
    """A category's own counter-examples lower its score and no other's."""
    examples = {"a": around(0, 6, 1), "b": around(1, 6, 2)}
    benign = around(2, 30, 3)
    calibration = Calibration(10.0, 0.0)
    plain = ExampleScorer(examples, {}, benign, calibration)
    taught = ExampleScorer(examples, {"a": around(3, 6, 4)}, benign, calibration)
    near_a, near_b, look_alike = around(0, 1, 5), around(1, 1, 6), (AXES[[0]] + AXES[[3]]) / np.sqrt(2)
    assert plain.categories == ("a", "b")
    assert plain.scores(near_a)[0, 0] > 0.9
    assert plain.scores(near_b)[0, 1] > 0.9
    assert plain.scores(around(2, 1, 7)).max() < 0.1
    assert taught.scores(look_alike)[0, 0] < plain.scores(look_alike)[0, 0] - 0.1
    assert np.allclose(taught.scores(near_b)[:, 1], plain.scores(near_b)[:, 1])
