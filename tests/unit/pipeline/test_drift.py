"""Drift: what counts as another picture than the one asked for, as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifiers.signals import Span
from gateway.core.ports import RewriteMode
from gateway.pipeline.drift import DriftFault, DriftGauge
from gateway.pipeline.drift_words import WordFaults, word_faults
from gateway.pipeline.edits import changed

_SETS = Path(__file__).parents[3] / "benchmarks" / "prompts"


class _Vectors:
    """Answers with the vectors it was given."""

    revision = "1"

    def __init__(self, *vectors: object) -> None:
        self._vectors = vectors

    def load(self) -> None: ...

    def encode(self, texts: object) -> Any:
        return np.array(self._vectors, np.float32)


@pytest.mark.parametrize(
    ("prompt", "at_fault", "rewritten", "fault"),
    [
        ("two knights fighting in a yard", "fighting", "two knights resting in a yard", None),
        ("a man hitting a dog", "hitting", "a person beside a dog", None),
        ("some bastard on a bench", "bastard", "a man on a bench", None),
        ("a brawl between two men", "", "two people talking, two glasses", None),
        ("a knife, no blood", "", "a knife, no blood, soft light", None),
        ("two knights fighting in a yard", "fighting", "a quiet yard at dusk", "lost_subject"),
        ("a picture of a fox in the snow", "fox", "a picture of a hat", "lost_subject"),
        ("an owl on a branch", "", "an owl on a branch and a girl", "added_person"),
        ("an owl on a branch", "", "a man and a woman with an owl on a branch", "added_person"),
        ("a beach without people", "", "a beach with people", "flipped_negation"),
        ("a man with a dog", "", "a man with no dog", "flipped_negation"),
        ("a garden with not a single dog", "", "a garden with a dog", "flipped_negation"),
        ("a fox in the snow by the river", "", "un renard dans la neige, fox snow river", "other_language"),
        ("a fox in the snow", "", "лиса на снегу", "other_language"),
        ("ein Fuchs im Schnee auf der Wiese", "", "a fox in the snow on the meadow", "other_language"),
    ],
)
def test_what_the_words_say_against_a_rewrite(
    prompt: str, at_fault: str, rewritten: str, fault: str | None
) -> None:
    """Each row is one rewrite and the first thing that is wrong with it."""
    start = prompt.index(at_fault)
    spans = (Span(start, start + len(at_fault)),) if at_fault else ()
    found = word_faults(prompt, rewritten, spans, keep_all=False)
    named = {name for name in WordFaults.__slots__ if getattr(found, name)}
    assert (fault in named) if fault else not named


def test_what_was_at_fault_may_go() -> None:
    """A subject inside the spans is not missed; the next noun is the subject then."""
    prompt, span = "an idiot driving a bus", (Span(3, 8),)
    assert word_faults(prompt, "someone driving a bus", span, keep_all=False) == WordFaults()
    assert word_faults(prompt, "someone on a street", span, keep_all=False).lost_subject


@pytest.mark.parametrize(
    ("rewritten", "fault"),
    [
        ("three red foxes without hats, in soft evening light", None),
        ("red foxes without hats", "lost_word"),
        ("three foxes without hats", "lost_word"),
        ("three red foxes, hats", "flipped_negation"),
        ("three red foxes without hats and a man", "added_person"),
    ],
)
def test_an_enhancement_keeps_every_word(rewritten: str, fault: str | None) -> None:
    """Counts, colours, negations and nouns of an allowed prompt must all be there, and nobody new."""
    found = word_faults("three red foxes without hats", rewritten, (), keep_all=True)
    assert getattr(found, fault) if fault else found == WordFaults()


def test_the_references_are_no_drift() -> None:
    """The benign versions of the held-out prompts pass the rules over words, but for two in a hundred."""
    rows = [json.loads(line) for line in (_SETS / "rewrites.jsonl").read_text("utf-8").splitlines()]
    faulty = [
        row
        for row in rows
        if word_faults(row["prompt"], row["reference"], (), keep_all=False) != WordFaults()
    ]
    assert len(faulty) <= len(rows) * 0.02


async def test_the_distance_is_bounded() -> None:
    """1 − cosine above the policy's bound is a fault, at it not; vectors need no unit length."""
    gauge = DriftGauge(_Vectors([3.0, 0.0], [0.6, 0.8]))
    for bound, faults in ((0.39, (DriftFault.DISTANCE,)), (0.41, ())):
        drift = await gauge.measure("an owl", "an owl", (), mode=RewriteMode.SAFETY, max_drift=bound)
        assert drift.faults == faults
        assert drift.distance == pytest.approx(0.4)


@pytest.mark.parametrize("vectors", [([1.0, 0.0],), ([0.0, 0.0], [1.0, 0.0]), ([np.nan, 1.0], [1.0, 0.0])])
async def test_a_distance_that_is_none_is_an_error(vectors: tuple[list[float], ...]) -> None:
    """An embedding model that answers nonsense measures nothing; that is never taken for no drift."""
    with pytest.raises(ValueError, match="embedding model"):
        await DriftGauge(_Vectors(*vectors)).measure(
            "an owl", "an owl", (), mode=RewriteMode.SAFETY, max_drift=1.0
        )


@pytest.mark.parametrize(
    ("prompt", "rewritten", "stretches"),
    [
        ("a rude zebra", "a zebra", ["rude"]),
        ("a rude zebra", "a zebra in soft light", ["rude"]),
        ("a zebra", "a zebra, soft light", []),
        ("A Zebra", "a zebra", []),
        ("two men fighting in a bar", "two men talking in a quiet bar", ["fighting"]),
        ("one two", "three four", ["one two"]),
    ],
)
def test_changed_stretches_are_those_of_the_prompt(prompt: str, rewritten: str, stretches: list[str]) -> None:
    """What is gone or replaced is named by its place in the prompt as written; additions are not."""
    assert [prompt[span.start : span.end] for span in changed(prompt, rewritten)] == stretches
