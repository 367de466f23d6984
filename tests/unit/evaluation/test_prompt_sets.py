"""The held-out prompt sets: their form, their number, and that no prompt is in them twice."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from classifiers.normalize import views
from classifiers.taxonomy import CATEGORIES
from classifiers.text.prompt_safety import LANGUAGES

_FOLDER = Path(__file__).parents[3] / "benchmarks" / "prompts"
_AT_LEAST = {"lookalikes": 300, "violations": 300, "pairs": 120}
_LABELLED = {
    "violence", "violence/graphic", "self-harm", "sexual", "hate", "harassment", "illicit", "illicit/violent",
}  # fmt: skip


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("name", _AT_LEAST)
def test_every_line_has_the_documented_form(name: str) -> None:
    """Text, labels and slice are there, of the right kind, and nothing else is."""
    rows = _rows(name)
    keys = {"text", "labels", "slice"} | ({"pair"} if name == "pairs" else set())
    assert len(rows) >= _AT_LEAST[name]
    for row in rows:
        assert row.keys() == keys
        assert row["text"] == row["text"].strip()
        assert 3 <= len(row["text"]) <= 400
        assert row["slice"]
        assert row["labels"].keys() <= _LABELLED <= CATEGORIES.keys()
        assert set(row["labels"].values()) <= {0, 1}


def test_a_child_category_is_never_marked_without_its_parent() -> None:
    """Graphic violence is violence: a parent is 1, or left open, wherever its child is 1."""
    for name in _AT_LEAST:
        for row in _rows(name):
            for slug, value in row["labels"].items():
                assert not (value and "/" in slug) or row["labels"].get(slug.split("/")[0], 1) == 1


def test_lookalikes_are_harmless_and_violations_are_not() -> None:
    """No look-alike is marked in any category, and every violation is in at least one, each often enough."""
    assert not any(any(row["labels"].values()) for row in _rows("lookalikes"))
    violations = _rows("violations")
    assert all(any(row["labels"].values()) for row in violations)
    marked = Counter(slug for row in violations for slug, value in row["labels"].items() if value)
    assert min(marked[slug] for slug in _LABELLED) >= 30


def test_each_pair_is_one_harmless_and_one_harmful_prompt() -> None:
    """A contrast pair has exactly two sides, in one slice."""
    pairs: dict[str, list[dict[str, Any]]] = {}
    for row in _rows("pairs"):
        pairs.setdefault(row["pair"], []).append(row)
    assert len(pairs) >= 60
    for sides in pairs.values():
        assert [any(side["labels"].values()) for side in sides] == [False, True]
        assert sides[0]["slice"] == sides[1]["slice"]


def test_everyday_has_every_kind_and_language_in_number() -> None:
    """Two hundred rows of each English kind that has no fewer by nature, a hundred of each other language."""
    rows = _rows("everyday")
    for row in rows:
        assert row.keys() == {"text", "labels", "slice", "lang"}
        assert row["text"] == row["text"].strip()
        assert row["labels"].keys() <= CATEGORIES.keys()
        assert set(row["labels"].values()) in ({0}, {1})
        for slug in row["labels"]:
            assert row["labels"].get(slug.split("/")[0]) == row["labels"][slug]
    slices = Counter(row["slice"] for row in rows if row["lang"] == "en")
    assert min(slices[name] for name in ("short", "tricky", "refused", "unsafe", "coded", "chat")) >= 200
    assert min(slices.values()) >= 95
    languages = Counter(row["lang"] for row in rows)
    assert set(languages) == set(LANGUAGES)
    assert min(languages.values()) >= 95
    assert len({row["text"].casefold() for row in rows}) == len(rows)


def test_no_prompt_is_there_twice() -> None:
    """Over the three files no two prompts read the same, whatever their case and punctuation."""
    read = Counter(
        re.sub(r"[^a-z0-9]+", " ", row["text"].lower()).strip() for name in _AT_LEAST for row in _rows(name)
    )
    assert [text for text, times in read.items() if times > 1] == []


def test_a_plain_prompt_has_one_view() -> None:
    """Ordinary wording is measured once: nothing in these prompts looks like a disguise."""
    several = [row["text"] for name in _AT_LEAST for row in _rows(name) if len(views(row["text"])) > 1]
    assert several == []
