"""A tiny checkpoint of Detoxify's form through the conversion: the library's scores, nothing unpinned."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from support import tiny_text_models
from support.command import Cli

from classifiers.protocol import ClassifierConfigError
from classifiers.text.detoxify import GRAPH, LABELS, DetoxifyClassifier
from classifiers.text.detoxify_convert import Converted, convert
from classifiers.weights import SUMS

HEADS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
TEXTS = ["a red apple on a table", "zq! zq!", "a table", "🍎 яблоко", "apple on a red table " * 3]
FLOAT32, INT8 = 1e-5, 0.03
Made = tuple[Path, Path, str]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return tiny_text_models.detoxify_checkpoint(tmp_path_factory.mktemp("d"), HEADS)


@pytest.fixture(scope="module")
def made(checkpoint: Made, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    path, base, sha256 = checkpoint
    return convert("original", path, sha256, base, tmp_path_factory.mktemp("c") / "converted")


def classifier(made: Converted, **changes: Any) -> DetoxifyClassifier:
    options = {"converted": str(made.folder), "sha256": made.sums_sha256}
    return DetoxifyClassifier.from_options("detoxify", options | changes)


@pytest.mark.parametrize(("runtime", "tolerance"), [("float32", FLOAT32), ("int8", INT8)])
def test_a_converted_folder_scores_as_the_library_does(
    checkpoint: Made, made: Converted, runtime: str, tolerance: float
) -> None:
    """Category by category what `Detoxify.predict` says, tightly in float32 and closely in int8."""
    from detoxify import Detoxify

    predicted = Detoxify(checkpoint=str(checkpoint[0])).predict(TEXTS)
    answers = classifier(made, runtime=runtime).classify(TEXTS)
    for at, signals in enumerate(answers):
        for signal in signals:
            heads = [
                h for h, categories in LABELS.items() if signal.category in categories and h in predicted
            ]
            assert signal.score == pytest.approx(max(predicted[h][at] for h in heads), abs=tolerance)


def test_the_folder_holds_no_pickle_and_names_its_origin(checkpoint: Made, made: Converted) -> None:
    """Safetensors, an ONNX graph and text; the list pins each file; the checkpoint's sha256 is told."""
    names = {path.name for path in made.folder.iterdir()}
    assert {GRAPH, SUMS, "model.safetensors", "config.json", "tokenizer.json", "conversion.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".ckpt"))]
    origin = json.loads((made.folder / "conversion.json").read_text())
    assert origin["checkpoint_sha256"] == checkpoint[2]
    assert hashlib.sha256((made.folder / SUMS).read_bytes()).hexdigest() == made.sums_sha256
    listed = {line.split("  ")[1] for line in (made.folder / SUMS).read_text().splitlines()}
    assert listed == names - {SUMS}


@pytest.mark.parametrize("name", [GRAPH, "tokenizer.json", SUMS])
def test_a_file_that_is_not_the_pinned_one_is_never_loaded(
    checkpoint: Made, tmp_path: Path, name: str
) -> None:
    """One byte more, in the graph, the tokenizer or the list itself, refuses to load."""
    path, base, sha256 = checkpoint
    made = convert("original", path, sha256, base, tmp_path / "converted")
    with (made.folder / name).open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(ClassifierConfigError, match="is pinned"):
        classifier(made).warmup()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": "somewhere"}, "leave base and checkpoint out"),
        ({"device": "cuda"}, "leave device out"),
        ({"converted": None}, "give base with a checkpoint"),
        ({"converted": None, "base": "x", "runtime": "int8"}, "runtime belongs to converted"),
    ],
)
def test_options_that_would_be_ignored_are_refused(
    made: Converted, changes: dict[str, Any], message: str
) -> None:
    """A folder and a checkpoint at once, or an option of the other, is an error."""
    with pytest.raises(ClassifierConfigError, match=message):
        classifier(made, **changes)


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("original", {"sha256": "0" * 64}, "is pinned"),
        ("unbiased", {}, "no 'unbiased' model"),
        ("original", {"base": Path("nowhere")}, "no config.json"),
        ("original", {"checkpoint": Path("nowhere.ckpt")}, "no checkpoint"),
    ],
)
def test_a_conversion_that_fails_leaves_nothing(
    checkpoint: Made, tmp_path: Path, model: str, changes: dict[str, Any], message: str
) -> None:
    """Another file, another model, a missing base or checkpoint: an error that says so, and no folder."""
    path, base, sha256 = checkpoint
    arguments = {"checkpoint": path, "sha256": sha256, "base": base} | changes
    with pytest.raises(ClassifierConfigError, match=message):
        convert(model, out=tmp_path / "converted", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(checkpoint: Made, made: Converted) -> None:
    """Converting twice into one place is refused."""
    path, base, sha256 = checkpoint
    with pytest.raises(ClassifierConfigError, match="exists already"):
        convert("original", path, sha256, base, made.folder)


def test_the_command_prints_the_settings_to_use(checkpoint: Made, tmp_path: Path) -> None:
    """What it prints as JSON builds the classifier; a wrong source ends with exit code 2."""
    cli, (path, base, sha256) = Cli(tmp_path, tmp_path / "unread.yaml"), checkpoint
    given = [
        "--checkpoint",
        str(path),
        "--sha256",
        sha256,
        "--base",
        str(base),
        "--out",
        str(cli.folder / "made"),
    ]
    told = cli("models", "convert", "detoxify:original", *given, "--json").json
    assert told["type"] == "detoxify"
    assert DetoxifyClassifier.from_options("d", told["options"]).classify(["a red apple"])[0]
    assert cli("models", "convert", "detoxify:tiny", *given).exit_code == 2
