"""The held-out prompts have the form that the evaluation reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from classifiers.taxonomy import CATEGORIES

_PROMPTS: Final = Path(__file__).parents[3] / "benchmarks" / "prompts"
_KEYS: Final = {
    "rewrites": {"prompt", "reference", "subject", "categories", "slice"},
    "enhance": {"prompt", "subject", "counts", "colours", "negations", "slice"},
    "injections": {"prompt", "kind", "forbidden", "payload"},
}
_LEAST: Final = {"rewrites": 300, "enhance": 200, "injections": 200}


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_PROMPTS / f"{name}.jsonl").read_text("utf-8").splitlines()]


def _holds(text: str, alternatives: list[str]) -> bool:
    return any(re.search(rf"\b{re.escape(word)}(s|es|men)?\b", text, re.IGNORECASE) for word in alternatives)


@pytest.mark.parametrize("name", sorted(_KEYS))
def test_rows_have_the_keys_and_no_doubles(name: str) -> None:
    """Each set is large enough, its rows have exactly the documented keys, and no prompt comes twice."""
    rows = _rows(name)
    assert len(rows) >= _LEAST[name]
    assert all(set(row) == _KEYS[name] for row in rows)
    assert len({row["prompt"].casefold() for row in rows}) == len(rows)


def test_a_reference_holds_the_subject() -> None:
    """The benign reference keeps every subject that a rewrite must keep, and differs from the prompt."""
    for row in _rows("rewrites"):
        assert row["reference"] != row["prompt"]
        assert set(row["categories"]) <= set(CATEGORIES), row["prompt"]
        assert row["subject"]
        assert all(_holds(row["reference"], each) for each in row["subject"]), row["reference"]


def test_what_must_survive_is_in_the_prompt() -> None:
    """Subjects, counts, colours and absent things of the enhance set stand in its prompts."""
    for row in _rows("enhance"):
        marks = [[word] for word in (*row["counts"], *row["colours"], *row["negations"])]
        assert all(_holds(row["prompt"], each) for each in (*row["subject"], *marks)), row["prompt"]


def test_a_payload_holds_what_is_forbidden() -> None:
    """An injection's bare payload holds each of its forbidden words; without words there is no payload."""
    for row in _rows("injections"):
        assert bool(row["forbidden"]) == bool(row["payload"]), row["prompt"]
        assert any(word in row["payload"] for word in row["forbidden"]) or not row["payload"], row["prompt"]
