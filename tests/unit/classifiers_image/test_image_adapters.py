"""Image classifiers before any weights load: options, label maps, cards."""

import json

import numpy as np
import pytest

from classifiers.image.clip import ClipClassifier
from classifiers.image.concepts import BENIGN, CONCEPTS
from classifiers.image.opennsfw import SHA256, OpenNsfwClassifier
from classifiers.image.pixels import check_pixels
from classifiers.image.transformers_image import TransformersImageClassifier
from classifiers.protocol import ClassifierConfigError
from classifiers.signals import Modality
from classifiers.taxonomy import is_known

LABELS = {"0": "neutral", "1": "drawing", "2": "porn"}


@pytest.fixture
def folder(tmp_path):
    """A model folder as far as it is read before loading: a configuration, and weights to hash."""
    model = tmp_path / "some-model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"id2label": LABELS}))
    (model / "model.safetensors").write_bytes(b"weights")
    return model


def transformers(folder, labels, **options):
    return TransformersImageClassifier.from_options("t", {"model": str(folder), "labels": labels, **options})


GOOD = {"neutral": None, "drawing": {"category": "sexual", "weight": 0.5}, "porn": "sexual"}


def test_the_card_comes_from_the_label_map(folder):
    """The card covers what the labels map to, names the folder by its last part, and pins the weights."""
    card = transformers(folder, GOOD | {"drawing": "custom/drawings"}, licence="Apache-2.0").card

    assert card.categories == {"sexual", "custom/drawings"}
    assert (card.name, card.kind, card.modality) == ("t", "transformers-image", Modality.IMAGE)
    assert card.revision.startswith("some-model@")
    assert len(card.weights_sha256) == 64


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({}, "no word about drawing, neutral, porn"),
        ({"neutral": None, "porn": "sexual"}, "no word about drawing"),
        (GOOD | {"gore": "violence"}, "the model has no gore"),
        (GOOD | {"porn": "smut"}, "'smut' is no category"),
        (dict.fromkeys(LABELS.values()), "every label is harmless"),
        (GOOD | {"drawing": {"category": "sexual", "weight": 0}}, "greater than 0"),
        (GOOD | {"drawing": {"category": "sexual", "threshold": 0.5}}, "threshold"),
    ],
)
def test_a_label_map_must_speak_of_every_label(folder, labels, said):
    """A missing, foreign or unknown mapping is refused by name: silence about a label loses harm."""
    with pytest.raises(ClassifierConfigError, match=said):
        transformers(folder, labels)


def test_the_revision_changes_with_everything_that_can_move_a_score(folder):
    """Weights, labels, activation and precision are in the revision; threads and licence are not."""
    base = transformers(folder, GOOD).card.revision
    others = [
        transformers(folder, GOOD | {"drawing": None}).card.revision,
        transformers(folder, GOOD, activation="sigmoid").card.revision,
        transformers(folder, GOOD, dtype="bfloat16").card.revision,
    ]
    same = transformers(folder, GOOD, threads=2, licence="MIT").card.revision
    (folder / "model.safetensors").write_bytes(b"other weights")
    others.append(transformers(folder, GOOD).card.revision)

    assert same == base
    assert len({base, *others}) == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "owner/model"}, "revision"),
        ({"activation": "relu"}, "activation"),
        ({"threads": 0}, "threads"),
        ({"threshold": 0.5}, "threshold"),
        ({"sha256": {"model.safetensors": "0" * 64}}, "pinned"),
    ],
)
def test_wrong_options_are_refused(folder, options, said):
    """An unpinned hub id, an unknown option, a foreign file: refused by name."""
    with pytest.raises(ClassifierConfigError, match=said):
        transformers(folder, GOOD, **options)


def test_a_folder_without_configuration_is_refused(folder):
    """A folder that is no transformers model is refused before anything loads."""
    (folder / "config.json").unlink()

    with pytest.raises(ClassifierConfigError, match=r"no config\.json in some-model"):
        transformers(folder, GOOD)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"concepts": {}}, "at least one category"),
        ({"concepts": {"smut": ["a photo"]}}, "'smut' is no category"),
        ({"concepts": {"violence": []}}, "at least one description"),
        ({"concepts": {"violence": [" "]}}, "none of them empty"),
        ({"benign": []}, "without them all is harm"),
        ({"prompts": ["a photo"]}, "prompts"),
    ],
)
def test_clip_refuses_empty_comparisons(folder, options, said):
    """A category without descriptions, or none benign, would make the score mean nothing."""
    with pytest.raises(ClassifierConfigError, match=said):
        ClipClassifier.from_options("c", {"model": str(folder), **options})


def test_clip_covers_what_its_concepts_name(folder):
    """The card follows the concepts, and so does the revision."""
    default = ClipClassifier.from_options("c", {"model": str(folder)}).card
    own = ClipClassifier.from_options(
        "c", {"model": str(folder), "concepts": {"custom/logo": ["the logo of a brand"]}}
    ).card

    assert default.categories == frozenset(CONCEPTS)
    assert own.categories == {"custom/logo"}
    assert default.revision != own.revision


def test_the_concept_table_holds_together():
    """Every default category is known, and no description is both harm and benign."""
    assert all(is_known(category) for category in CONCEPTS)
    harmful = [prompt for prompts in CONCEPTS.values() for prompt in prompts]
    assert len({*harmful, *BENIGN}) == len(harmful) + len(BENIGN)


def test_opennsfw_names_its_weights_and_refuses_unknown_options():
    """The card pins the file; an unknown option is refused."""
    card = OpenNsfwClassifier.from_options("nsfw", {}).card
    fast = OpenNsfwClassifier.from_options("nsfw", {"jpeg_reencode": False}).card

    assert (card.categories, card.weights_sha256) == ({"sexual"}, SHA256)
    assert card.revision != fast.revision
    with pytest.raises(ClassifierConfigError, match="threshold"):
        OpenNsfwClassifier.from_options("nsfw", {"threshold": 0.5})
    with pytest.raises(ClassifierConfigError, match="threads"):
        OpenNsfwClassifier.from_options("nsfw", {"threads": 0})


@pytest.mark.parametrize(
    "item",
    [
        "a text",
        None,
        [[[0, 0, 0]]],
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=str,
)
def test_what_is_no_picture_raises(item):
    """A wrong item is an error, which becomes a failure, and never a low score."""
    with pytest.raises((TypeError, ValueError)):
        check_pixels(item)
