"""Tiny random models through the real loading code: label maps, windows, agreement with the libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import tiny_text_models

from classifiers.protocol import ClassifierConfigError
from classifiers.text import sequence_model
from classifiers.text.detoxify import IGNORED, DetoxifyClassifier
from classifiers.text.transformers_text import TransformersTextClassifier
from classifiers.weights import load_checkpoint

HEADS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_text_models.roberta_folder(tmp_path_factory.mktemp("m") / "tiny", ["ok", "bad", "rude"])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    return tiny_text_models.detoxify_checkpoint(tmp_path_factory.mktemp("d"), HEADS)


def text_model(folder: Path, **changes: Any) -> TransformersTextClassifier:
    options: dict[str, Any] = {
        "model": str(folder),
        "labels": {"bad": "violence", "rude": "harassment"},
        "ignore": ["ok"],
        "activation": "softmax",
        "max_tokens": 32,
    }
    return TransformersTextClassifier.from_options("hub", options | changes)


def detoxify(made: tuple[Path, Path, str], **changes: Any) -> DetoxifyClassifier:
    path, base, sha256 = made
    options: dict[str, Any] = {"checkpoint": str(path), "base": str(base), "sha256": sha256}
    return DetoxifyClassifier.from_options("detoxify", options | changes)


def scores(classifier: Any, text: str) -> dict[str, float]:
    return {signal.category: signal.score for signal in classifier.classify([text])[0]}


def test_scores_are_the_models_own(folder: Path) -> None:
    """Softmax or sigmoid of the model's logits, label by label."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    model = AutoModelForSequenceClassification.from_pretrained(str(folder)).eval()
    with torch.inference_mode():
        logits = model(**tokenizer(["a red apple"], return_tensors="pt")).logits[0]
    soft, sigmoid = logits.softmax(-1).tolist(), logits.sigmoid().tolist()
    assert scores(text_model(folder), "a red apple") == pytest.approx(
        {"violence": soft[1], "harassment": soft[2]}, abs=1e-5
    )
    assert scores(text_model(folder, activation="sigmoid"), "a red apple") == pytest.approx(
        {"violence": sigmoid[1], "harassment": sigmoid[2]}, abs=1e-5
    )


def test_two_labels_of_one_category_count_by_the_higher(folder: Path) -> None:
    """A category has one signal, the strictest of its labels."""
    apart = scores(text_model(folder), "a table")
    joined = scores(text_model(folder, labels={"bad": "hate", "rude": "hate"}), "a table")
    assert joined == {"hate": max(apart.values())}


def test_the_end_of_a_long_text_is_judged(folder: Path) -> None:
    """What stands in a late window counts as if it stood alone or higher."""
    classifier = text_model(folder)
    calm, loud = sorted(["apple " * 3, "zq! " * 3], key=lambda text: scores(classifier, text)["violence"])
    hidden = scores(classifier, calm * 60 + loud * 8)["violence"]
    assert hidden > scores(classifier, calm * 60)["violence"]


def test_a_text_of_too_many_windows_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error rather than judged in part."""
    monkeypatch.setattr(sequence_model, "MAX_WINDOWS", 3)
    with pytest.raises(sequence_model.TextTooLong):
        text_model(folder).classify(["apple " * 500])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ignore": []}, "labels without a category: ok"),
        ({"ignore": ["ok", "fine"]}, "no label fine"),
        ({"labels": {"worse": "violence"}, "ignore": ["ok", "bad", "rude"]}, "no label worse"),
    ],
)
def test_every_label_is_mapped_or_ignored(folder: Path, changes: dict[str, Any], message: str) -> None:
    """A label that is left over, or isn't there, refuses to start."""
    with pytest.raises(ClassifierConfigError, match=message):
        text_model(folder, **changes).warmup()


@pytest.mark.parametrize(
    "changes",
    [{"labels": {"bad": "violense"}}, {"activation": "relu"}, {"threshold": 0.5}, {"model": "owner/name"}],
)
def test_wrong_options_are_refused(folder: Path, changes: dict[str, Any]) -> None:
    """Unknown categories, activations and options, and an unpinned hub id."""
    with pytest.raises(ClassifierConfigError):
        text_model(folder, **changes)


def test_detoxify_agrees_with_the_library(checkpoint: tuple[Path, Path, str]) -> None:
    """On the same checkpoint, our scores are those of `Detoxify.predict`."""
    from detoxify import Detoxify

    texts = ["a red apple on a table", "zq! zq!"]
    predicted = Detoxify(checkpoint=str(checkpoint[0])).predict(texts)
    for at, text in enumerate(texts):
        ours = scores(detoxify(checkpoint), text)
        assert ours["hate"] == pytest.approx(predicted["identity_attack"][at], abs=1e-5)
        assert ours["profanity"] == pytest.approx(predicted["obscene"][at], abs=1e-5)
        assert ours["violence"] == pytest.approx(predicted["threat"][at], abs=1e-5)
        assert ours["toxicity"] == pytest.approx(
            max(predicted["toxicity"][at], predicted["severe_toxicity"][at]), abs=1e-5
        )


def test_identity_heads_are_left_out(tmp_path: Path) -> None:
    """A head that tells who is mentioned is no harm; the others of its model are all there."""
    heads = ["toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack"]
    made = tiny_text_models.detoxify_checkpoint(tmp_path, [*heads, "sexual_explicit", *sorted(IGNORED)])
    assert "sexual" in scores(detoxify(made, model="unbiased"), "a red apple")
    with pytest.raises(ClassifierConfigError, match="no 'original' model"):
        detoxify(made).warmup()


def test_an_unknown_head_is_refused(tmp_path: Path) -> None:
    """A label that the table does not know is never dropped in silence."""
    made = tiny_text_models.detoxify_checkpoint(tmp_path, [*HEADS, "novel"])
    with pytest.raises(ClassifierConfigError, match="novel"):
        detoxify(made).warmup()


def test_a_checkpoint_that_is_not_the_pinned_one_is_never_read(checkpoint: tuple[Path, Path, str]) -> None:
    """The sha256 is required, and checked before anything is loaded."""
    with pytest.raises(ClassifierConfigError, match="is pinned"):
        detoxify(checkpoint, sha256="0" * 64).warmup()
    with pytest.raises(ClassifierConfigError, match="sha256"):
        DetoxifyClassifier.from_options("d", {"base": str(checkpoint[1])})


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    """A file that holds more than tensors and plain containers is refused, not executed."""
    import hashlib

    import torch

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "trap.ckpt"
    torch.save({"config": Trap()}, path)
    with pytest.raises(ClassifierConfigError, match="no plain checkpoint"):
        load_checkpoint(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert not (tmp_path / "ran").exists()
