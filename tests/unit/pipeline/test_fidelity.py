"""Fidelity: what a rewrite may never touch, as a table; and whether the harm has really fallen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.gateway import POLICY, Painting, Rewriting, Words, scripted_gateway

from classifiers.signals import Findings, Signal, Span
from gateway.pipeline.drift_words import word_faults
from gateway.pipeline.fallen import has_fallen
from gateway.pipeline.fidelity import Infidelity, infidelity
from gateway.pipeline.rewrite_faults import RewriteFault, reason_of
from policies.decision import Action, Decision, Mode, PolicyRef, RuleHit, Severity, Stage


def _spans(prompt: str, at_fault: tuple[str, ...]) -> tuple[Span, ...]:
    return tuple(Span(prompt.index(word), prompt.index(word) + len(word)) for word in at_fault)


@pytest.mark.parametrize(
    ("prompt", "at_fault", "rewritten", "fault"),
    [
        ("Siobhan smiling", ("Siobhan",), "Sisabelle smiling", "changed_name"),
        ("Siobhan smiling", ("Siobhan",), "smiling", "changed_name"),
        ("Kermit waving", ("Kermit",), "Keith waving", "changed_name"),
        ("Moby Dick and the ship", ("Moby Dick",), "Mozart and the ship", "changed_name"),
        ("Intercourse, Pennsylvania", ("Intercourse",), "Interracial, Pennsylvania", "changed_name"),
        ("The Scream by Munch", ("Scream",), "The Song by Manche", "changed_name"),
        ("a damn poster of Karen", ("damn",), "a poster of Kiera", "changed_name"),
        ("a damn dog", ("damn",), "a dog in Paris", "changed_name"),
        ("Naked woman on a beach", ("Naked",), "Woman on a beach", None),
        ("A DAMN OLD CAR IN TOWN", ("DAMN",), "AN OLD CAR IN TOWN", None),
        ("ein Bild der Leiche und der Lampe", ("Leiche",), "ein Bild der Lampe", None),
        ("3 damn dogs", ("damn",), "4 dogs", "changed_number"),
        ("3 damn dogs", ("3 damn",), "dogs", "changed_number"),
        ("a n 4 k e d man", ("n 4 k e d",), "a man", None),
        ('a damn cup with "hello you"', ("damn",), 'a cup with "hello"', "changed_quote"),
        ('a cup with "damn you"', ("damn",), 'a cup with "you"', None),
        ("an idiot driving a bus", ("idiot",), "someone driving a bus", None),
        ("an idiot driving a bus", ("idiot",), "a person driving a bus, tall palms", "added_noun"),
        ("a naked man by a lake", ("naked",), "a man in a long blue robe by a lake", None),
        ("a pirate stabbing a sailor on a ship", ("stabbing",), "a pirate facing a sailor on a ship", None),
        ("two red foxes fighting by a blue barn", ("fighting",), "two foxes", "hardly_left"),
    ],
)
def test_what_a_rewrite_may_never_touch(
    prompt: str, at_fault: tuple[str, ...], rewritten: str, fault: str | None
) -> None:
    """Each row is one rewrite and what is wrong with it."""
    found = infidelity(prompt, rewritten, _spans(prompt, at_fault))
    named = {name for name in Infidelity.__slots__ if getattr(found, name)}
    assert (fault in named) if fault else not named


def test_a_rewrite_that_names_nothing_has_lost_its_subject() -> None:
    """Also where the subject itself was called the fault."""
    prompt = "dalmatian running"
    assert word_faults(prompt, "running", _spans(prompt, ("dalmatian",)), keep_all=False).lost_subject


def _decision(*scores: tuple[str, str, float], asked: tuple[str, ...] = ()) -> Decision:
    signals = tuple(Signal(category, score, name, "1") for category, name, score in scores)
    hits = tuple(
        RuleHit(c, Action.REWRITE, Mode.ENFORCE, c, Severity.LOW, 0.9, 0.4, "words", "") for c in asked
    )
    return Decision(
        id="d",
        stage=Stage.PROMPT,
        verdict=Action.REWRITE,
        action=Action.REWRITE,
        rules=hits,
        shadow=(),
        degraded=False,
        failed_closed=False,
        severities={},
        public_reason="",
        policy=PolicyRef("p", "0"),
        findings=Findings(signals),
    )


@pytest.mark.parametrize(
    ("category", "after", "fallen"),
    [("sexual", 0.3, True), ("sexual", 0.39, False), ("hate", 0.3, False), ("hate", 0.2, True)],
)
def test_a_score_that_only_tipped_has_not_fallen(category: str, after: float, fallen: bool) -> None:
    """A category keeps at most four fifths of its score; hatred half, for a group may still be the target."""
    before = _decision((category, "words", 0.45), (category, "other", 0.1), asked=(category,))
    found = _decision((category, "words", after), (category, "other", 0.2))
    assert has_fallen("a nude elf", "an elf", before, found) is fallen


def test_a_changed_function_word_is_no_mend() -> None:
    """However far the score fell."""
    before, after = _decision(("hate", "words", 0.9), asked=("hate",)), _decision(("hate", "words", 0.0))
    assert not has_fallen("they are like rats", "they like rats", before, after)


class _Reading(Rewriting):
    """A rewriter that reads English alone."""

    languages = frozenset({"en"})


def _pointing(batch: Any, answers: Any) -> Any:
    return [
        [replace(s, spans=(Span(0, 4),)) if s.score > 0.5 else s for s in signals]
        for _, signals in zip(batch, answers, strict=True)
    ]


@pytest.mark.parametrize("words", [Words(), Words(_pointing)], ids=["no spans", "spans"])
async def test_what_the_rewriter_cannot_read_is_blocked(words: Words, tmp_path: Path) -> None:
    """Neither the rewriter nor the rule behind it is asked, and the reason says why."""
    rewriting, painting = _Reading(), Painting()
    async with scripted_gateway(
        tmp_path / "g", rewriter=rewriting, words=words, painting=painting, policy=POLICY
    ) as scripted:
        answer = await scripted.draw("rude женщина читает книгу в трамвае и пьёт чай")
    assert reason_of(RewriteFault.UNREAD) in answer.json()["error"]["message"]
    assert (rewriting.requests, painting.requests) == ([], [])
