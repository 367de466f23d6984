"""Operators' patterns: linear time, spans, and an error that names the bad one."""

from __future__ import annotations

import time
from typing import Any

import pytest

from classifiers.protocol import ClassifierConfigError
from classifiers.text.patterns import PatternsClassifier


def pattern(name: str, expression: str, category: str = "custom/house", score: float = 0.5) -> dict[str, Any]:
    return {"name": name, "pattern": expression, "category": category, "score": score}


def patterns(*listed: dict[str, Any]) -> PatternsClassifier:
    return PatternsClassifier.from_options("mine", {"patterns": list(listed)})


def test_matches_carry_category_score_and_spans() -> None:
    """The highest score of a category's patterns counts, and every match is a span."""
    classifier = patterns(
        pattern("a", r"blorp\d+", score=0.3),
        pattern("b", r"zing", score=0.8),
        pattern("c", r"quax", category="hate", score=1),
    )
    text = "é BLORP12, zing; zing"
    (signal,) = classifier.classify([text])[0]
    assert (signal.category, signal.score) == ("custom/house", 0.8)
    assert [text[span.start : span.end] for span in signal.spans] == ["BLORP12", "zing", "zing"]
    assert classifier.classify(["nothing here"]) == [()]


@pytest.mark.parametrize("expression", ["(?=look)ahead", r"(a)\1", "open(", "[z-a]"])
def test_a_pattern_that_re2_refuses_is_named(expression: str) -> None:
    """The operator learns which one, and why."""
    with pytest.raises(ClassifierConfigError, match="pattern 'second'"):
        patterns(pattern("first", "fine"), pattern("second", expression))


@pytest.mark.parametrize(
    "listed",
    [
        [],
        [pattern("a", "x"), pattern("a", "y")],
        [pattern("a", "x", category="house")],
        [pattern("a", "x", score=0)],
        [pattern("a", "x") | {"flags": "i"}],
    ],
)
def test_wrong_options_are_refused(listed: list[dict[str, Any]]) -> None:
    """No pattern, two of one name, an unknown category, a score of nothing, an unknown key."""
    with pytest.raises(ClassifierConfigError):
        patterns(*listed)


def test_a_bad_pattern_takes_linear_time() -> None:
    """What makes a backtracking engine hang is done in milliseconds here."""
    classifier = patterns(pattern("bad", r"(a+)+$"), pattern("worse", r"(x|xx)*y"))
    began = time.process_time()
    classifier.classify(["a" * 100_000 + "!", "x" * 100_000])
    assert time.process_time() - began < 20


def test_a_set_out_of_memory_still_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the joined automaton gives up, the patterns run one by one: no match is lost."""

    class GaveUp:
        def Match(self, text: str) -> list[int]:  # noqa: N802 - re2's name
            return []

    classifier = patterns(pattern("a", "blorp"), pattern("b", "zing", category="hate"))
    monkeypatch.setattr(classifier, "_set", GaveUp())
    assert [signal.category for signal in classifier.classify(["zing"])[0]] == ["hate"]


def test_what_changes_matches_changes_the_revision() -> None:
    """Pattern, category and score count."""
    cards = [
        patterns(pattern("a", "x")).card,
        patterns(pattern("a", "y")).card,
        patterns(pattern("a", "x", score=0.6)).card,
    ]
    assert len({card.revision for card in cards}) == 3
