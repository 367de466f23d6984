"""PDQ hashes as the reference makes them, and a list of them as a classifier."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.plain_pictures import plain_pictures

from classifiers.image.known_images import MIN_QUALITY, KnownImagesClassifier
from classifiers.image.pdq import bits_of, pdq
from classifiers.protocol import ClassifierConfigError

EXPECTED = json.loads(Path(__file__).with_name("pdq_expected.json").read_text())
"""What pdqhash 0.2.8 answers for the same pictures."""


def picture() -> Any:
    """Soft blotches: detail at the scale that the hash reads."""
    coarse = np.random.default_rng(4).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((400, 300), Image.Resampling.BICUBIC))


def listed(folder: Path, **changes: Any) -> KnownImagesClassifier:
    found = {"custom/house": [pdq(picture()).hex], "hate": [EXPECTED["noise"]["hash"]]}
    content = {"name": "house", "version": "2026-11", "hashes": found, **changes}
    file = folder / "list.json"
    file.write_text(json.dumps(content))
    return KnownImagesClassifier.from_options("known", {"list": str(file)})


def scores(classifier: KnownImagesClassifier, pixels: Any) -> dict[str, float]:
    return {signal.category: signal.score for signal in classifier.classify([pixels])[0]}


def test_hashes_are_the_references() -> None:
    """Quality is equal everywhere; where a picture is told at all, at most four of 256 bits differ."""
    for name, pixels in plain_pictures().items():
        mine = pdq(pixels)
        assert mine.quality == EXPECTED[name]["quality"], name
        if mine.quality >= MIN_QUALITY:
            assert (mine.bits != bits_of(EXPECTED[name]["hash"])).sum() <= 4, name


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_copy_is_known_after_scaling_and_compression(tmp_path: Path, scale: float) -> None:
    """Another size and a poor JPEG are near copies; another picture is not."""
    image = Image.fromarray(picture())
    buffer = io.BytesIO()
    image.resize((int(400 * scale), int(300 * scale))).save(buffer, "JPEG", quality=30)
    copy = np.array(Image.open(buffer).convert("RGB"))
    classifier = listed(tmp_path)
    assert scores(classifier, copy) == {"custom/house": 1.0, "hate": 0.0}
    other = plain_pictures()["checks"]
    assert scores(classifier, other) == {"custom/house": 0.0, "hate": 0.0}


def test_the_distance_is_the_lists_own(tmp_path: Path) -> None:
    """With distance 0 only the same hash matches."""
    changed = picture()
    changed[100:200, 150:250] = 255
    far = int((pdq(changed).bits != pdq(picture()).bits).sum())
    assert far > 0
    assert scores(listed(tmp_path, distance=0), changed)["custom/house"] == 0.0
    assert scores(listed(tmp_path, distance=0), picture())["custom/house"] == 1.0
    assert scores(listed(tmp_path, distance=min(90, far)), changed)["custom/house"] == float(far <= 90)


def test_a_flat_picture_never_matches(tmp_path: Path) -> None:
    """What PDQ can't tell is no near copy of anything, its own listed hash included."""
    white = np.full((64, 64, 3), 255, np.uint8)
    known = listed(tmp_path, hashes={"hate": [pdq(white).hex]})
    assert scores(known, white) == {"hate": 0.0}
    assert scores(known, np.zeros((1, 1, 3), np.uint8)) == {"hate": 0.0}


def test_the_lists_name_and_version_are_the_revision(tmp_path: Path) -> None:
    """Every signal, and with it every record, names the list, its version and its content."""
    first, second = listed(tmp_path), listed(tmp_path, version="2026-12")
    assert first.card.revision.startswith("house@2026-11-")
    assert second.card.revision.startswith("house@2026-12-")
    assert first.card.revision.rpartition("-")[2] != second.card.revision.rpartition("-")[2]
    assert first.card.categories == {"custom/house", "hate"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hashes": {}}, "hashes"),
        ({"hashes": {"hate": ["12"]}}, "hashes.hate.0"),
        ({"hashes": {"nonsense": ["0" * 64]}}, "begins with custom/"),
        ({"distance": 200}, "distance"),
        ({"source_pictures": "folder"}, "source_pictures"),
        ({"name": "a b"}, "name"),
    ],
)
def test_a_wrong_list_refuses_to_start(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    """Each mistake is named by its place, and the file's own path stays out of the message."""
    with pytest.raises(ClassifierConfigError, match=words) as raised:
        listed(tmp_path, **changes)
    assert str(tmp_path) not in str(raised.value)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    """A list that can't be read refuses to start."""
    with pytest.raises(ClassifierConfigError, match="option list"):
        KnownImagesClassifier.from_options("known", {"list": str(tmp_path / "none.json")})
