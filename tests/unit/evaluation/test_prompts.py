"""Labelled sets: every form reads the same, unknown stays unknown, a mistake is told with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.errors import ConfigurationError
from gateway.evaluation.prompts import BUILT_IN, LabelledPrompt, categories_of, read_datasets

JSONL = """\
{"text": "a knight", "labels": {"violence": 0}, "slice": "history"}

{"prompt": "a fight", "violence": 1, "sexual": null, "note": "from a list"}
"""
CSV = """\
text,slice,violence,sexual
"a knight, kneeling",history,0,
a fight,,1,0
"""


def _file(folder: Path, name: str, content: str) -> str:
    path = folder / name
    path.write_text(content, "utf-8")
    return str(path)


def test_json_lines_and_csv_say_the_same(tmp_path: Path) -> None:
    """Nested and flat labels, empty cells and null: what is not said is not known."""
    first, second = read_datasets([_file(tmp_path, "a.jsonl", JSONL)])
    assert (first.text, first.labels, first.slice, first.line) == (
        "a knight",
        {"violence": False},
        "history",
        1,
    )
    assert (second.text, second.labels, second.line) == ("a fight", {"violence": True}, 3)

    knight, fight = read_datasets([_file(tmp_path, "a.csv", CSV)])
    assert (knight.text, knight.labels, knight.slice) == (
        "a knight, kneeling",
        {"violence": False},
        "history",
    )
    assert fight.labels == {"violence": True, "sexual": False}


def test_a_plain_list_is_harmless_in_everything(tmp_path: Path) -> None:
    """One prompt a line, blank lines left out; each category is known to be 0."""
    path = tmp_path / "captions.txt"
    path.write_text("a dog\n\n  two cats\n")
    dog, cats = read_datasets([], [path])
    assert (dog.text, cats.text, cats.line) == ("a dog", "two cats", 3)
    assert dog.label("hate") is False
    assert dog.violates is False


@pytest.mark.parametrize(
    ("labels", "category", "known"),
    [
        ({"violence/graphic": True}, "violence", True),
        ({"violence/graphic": False}, "violence", None),
        ({"violence": False}, "violence/graphic", False),
        ({"violence": True}, "violence/graphic", None),
        ({"violence": True}, "sexual", None),
        ({}, "sexual", None),
    ],
)
def test_families_imply_each_other(labels: dict[str, bool], category: str, known: bool | None) -> None:
    """A violated child violates its parent, a harmless parent clears its children, nothing else follows."""
    assert LabelledPrompt("x", "set", 1, labels).label(category) is known


def test_categories_stand_in_the_order_of_the_taxonomy() -> None:
    """Own categories come last."""
    labels = {"violence": True, "custom/brand": False, "sexual": False}
    assert categories_of([LabelledPrompt("x", "set", 1, labels)]) == ["sexual", "violence", "custom/brand"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", '{"text": "x", "voilence": 1}', "a.jsonl:1: 'voilence' is no category"),
        ("a.jsonl", '{"text": "x", "violence": 1}\nx', "a.jsonl:2: not JSON"),
        ("a.jsonl", '{"text": "x", "violence": 0.5}', "a.jsonl:1: violence must be 1, 0, or empty"),
        ("a.jsonl", '{"text": "x"}', "a.jsonl:1: no label"),
        ("a.jsonl", '{"violence": 1}', "a.jsonl:1: give the prompt under one key"),
        ("a.jsonl", '{"text": " ", "violence": 1}', "a.jsonl:1: the prompt is empty"),
        ("a.jsonl", '{"text": "x", "labels": [1]}', "a.jsonl:1: labels must be an object"),
        (
            "a.jsonl",
            '{"text": "x", "violence": 0, "violence/graphic": 1}',
            "violence/graphic is 1 and violence",
        ),
        ("a.jsonl", "[1]", "a.jsonl:1: not an object"),
        ("a.jsonl", "\n", "a.jsonl: the file holds no prompt"),
        ("a.csv", "text,violence\na,b,1\n", "a.csv:2: the row does not have 2 cells"),
        ("a.csv", 'text,violence\n"a,1\n', "a.csv:2: not CSV"),
        ("a.tsv", "x", "a.tsv: not a form of prompt set"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_mend(
    tmp_path: Path, name: str, content: str, told: str
) -> None:
    """Nothing is skipped: a mistyped category or a broken line ends the run before any model is loaded."""
    with pytest.raises(ConfigurationError) as raised:
        read_datasets([_file(tmp_path, name, content)])
    assert told in str(raised.value)


def test_a_missing_file_and_no_file_are_told(tmp_path: Path) -> None:
    """The name of what can't be read is in the message."""
    with pytest.raises(ConfigurationError, match=r"none\.jsonl: the file can't be read"):
        read_datasets([str(tmp_path / "none.jsonl")])
    with pytest.raises(ConfigurationError, match="name a dataset, or give --benign"):
        read_datasets([])


def test_the_built_in_sets_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By name, from a clone; elsewhere the message says that a clone is needed."""
    prompts = read_datasets(BUILT_IN)
    assert {prompt.dataset for prompt in prompts} == set(BUILT_IN)
    monkeypatch.setattr("gateway.evaluation.prompts.FOLDER", tmp_path)
    with pytest.raises(ConfigurationError, match="run the command from a clone"):
        read_datasets(["pairs"])
