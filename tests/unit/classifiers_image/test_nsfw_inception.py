"""The converted InceptionV3 answers as the original does, and its score is what the card says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.plain_pictures import plain_pictures

from classifiers.image.nsfw_inception import CLASSES, NsfwInceptionClassifier, fitted
from classifiers.protocol import ClassifierConfigError

EXPECTED = json.loads(Path(__file__).with_name("nsfw_inception_expected.json").read_text())
"""What tfjs 4.22.0 answers for nsfwjs 4.4.0's own model (training/nsfw_inception/reference.mjs)."""


@pytest.mark.models
def test_the_answers_are_the_originals_to_four_digits() -> None:
    """On eight plain pictures of several sizes all five classes agree with tfjs within 0.00005."""
    classifier = NsfwInceptionClassifier()
    pictures = plain_pictures()
    assert set(pictures) == set(EXPECTED)
    for name, pixels in pictures.items():
        answer = classifier._infer(fitted(pixels)[None])[0]
        assert np.abs(answer - np.array(EXPECTED[name])).max() < 5e-5, name


def test_the_score_is_porn_and_hentai_and_half_of_sexy() -> None:
    """Drawing and Neutral count nothing, and the sum never passes 1."""
    classifier = NsfwInceptionClassifier()
    for row, score in (
        ({"Drawing": 0.9, "Neutral": 0.1}, 0.0),
        ({"Hentai": 0.2, "Porn": 0.3, "Sexy": 0.4, "Neutral": 0.1}, 0.7),
        ({"Porn": 1.0000001}, 1.0),
    ):
        probabilities = np.array([row.get(name, 0.0) for name in CLASSES], np.float32)
        (signal,) = classifier._signals(probabilities)
        assert (signal.category, signal.score) == ("sexual", pytest.approx(score))


def test_missing_or_other_weights_refuse_to_load(tmp_path: Path) -> None:
    """A file that is not there, or not the pinned one, is named with the fix and never loaded."""
    other = tmp_path / "model.onnx"
    for content, words in ((None, "weights are missing"), (b"else", "pinned")):
        if content is not None:
            other.write_bytes(content)
        with pytest.raises(ClassifierConfigError, match=words):
            NsfwInceptionClassifier.from_options("nsfw-inception", {"model": str(other)}).warmup()


def test_fitting_keeps_corners() -> None:
    """Aligned corners: the four corner pixels stay what they were, at any size."""
    for height, width in ((2, 2), (700, 40), (299, 1)):
        pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
        small = fitted(pixels)
        assert small.shape == (299, 299, 3)
        assert small.dtype == np.float32
        for row in (0, -1):
            for column in (0, -1):
                assert np.allclose(small[row, column] * 255, pixels[row, column], atol=1e-3)
