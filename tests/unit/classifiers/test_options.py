"""What is said about wrong options."""

from __future__ import annotations

import pytest

from classifiers.protocol import ClassifierConfigError
from classifiers.registry import CLASSIFIER_GROUP, load_factory


@pytest.mark.parametrize(
    "kind",
    [
        "wordlist", "patterns", "minor-cues", "language", "prompt-safety", "prototypes",
        "detoxify", "transformers-text",
        "opennsfw", "nsfw-inception", "picture-concepts", "known-images", "transformers-image", "clip",
        "siglip", "safety-checker", "vlm-judge",
    ],
)  # fmt: skip
def test_a_wrong_option_is_named_with_the_known_ones_and_its_value_is_not_shown(kind: str) -> None:
    """Every adapter names a wrong option and those it knows, and repeats no value: it may be a secret."""
    factory = load_factory(CLASSIFIER_GROUP, kind)

    with pytest.raises(ClassifierConfigError) as refused:
        factory("mine", {"no-such-option": "s3cret"})

    message = str(refused.value)
    assert message.startswith(f"classifier 'mine' ({kind}): wrong options (known: ")
    assert "\n  no-such-option: " in message
    assert "s3cret" not in message
