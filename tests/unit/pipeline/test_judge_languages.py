"""A classifier trained for some languages is asked for text in them; the rest counts for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from support.gateway import POLICY

from classifiers.batching import MicroBatcher
from classifiers.fakes import ScriptedClassifier
from classifiers.signals import Modality
from classifiers.text.language import LanguageClassifier
from gateway.audit.past import past_decision
from gateway.audit.record import new_id
from gateway.core.requests import Caller
from gateway.evaluation.measure import Unrecorded
from gateway.pipeline.judge import Judge
from gateway.pipeline.record_fields import decision_fields
from gateway.pipeline.trail import Trail
from policies.compiler import compile_policy
from policies.decision import Action, Decision
from policies.loader import parse_policy
from policies.locks import carried_from
from policies.testing import made_up_card

GERMAN = "Kinder bauen eine Sandburg am Strand"
POLICY_WITH_CUES = POLICY.replace(
    "      - {name: words, timeout_ms: 20000, on_failure: block}",
    "      - {name: words, timeout_ms: 20000}\n      - {name: language, timeout_ms: 20000}",
)


def scored(word: str, score: float = 0.95) -> Any:
    return lambda text: {"violence": score if word in text else 0.01}


async def judged(text: str, model: ScriptedClassifier) -> Decision:
    language = LanguageClassifier.from_options("language", {}).following(model.card.trained_for)
    cards = {
        "words": model.card,
        "language": language.card,
        "looks": made_up_card("looks", Modality.IMAGE, "sexual", "violence", "hate"),
    }
    policy = compile_policy(parse_policy(POLICY_WITH_CUES), cards)
    trail = Trail(Unrecorded(), request_id=new_id(), caller=Caller(), surface="test")
    batchers = {"words": MicroBatcher(model), "language": MicroBatcher(language)}
    try:
        return await Judge(batchers).text(text, policy=policy, trail=trail)
    finally:
        for batcher in batchers.values():
            batcher.close()


def model(always: Any, *languages: str) -> ScriptedClassifier:
    return ScriptedClassifier(
        "words",
        always=always,
        categories=("violence", "harassment", "sexual", "profanity", "minor"),
        languages=languages,
    )


def outside(decision: Decision) -> Mapping[str, float]:
    return {s.category: s.score for s in decision.findings.signals if s.outside}


async def test_a_score_of_text_outside_the_languages_is_kept_and_counts_for_nothing() -> None:
    """An English classifier that sees violence in a German sentence: allowed, marked, the score on record."""
    decision = await judged(GERMAN, model(scored("Kinder"), "en"))
    assert (decision.action, decision.degraded) == (Action.ALLOW, True)
    assert outside(decision) == {"violence": 0.95}
    assert "violence" not in decision.severities
    fields = decision_fields(decision)
    assert fields["outside"] == [["words", "script", "original", "violence", 950_000]]
    assert all(row[0] == "language" for row in fields["scores"])  # type: ignore[union-attr,index]


async def test_such_a_score_does_not_arm_a_lock_later_on() -> None:
    """Nor does a picture's judgement get it, and a replay of the record counts it as little."""
    decision = await judged(GERMAN, model(lambda _: {"sexual": 0.9, "minor": 0.9}, "en"))
    assert decision.action is Action.ALLOW
    assert carried_from(decision.findings) == ()
    record = {"type": "decision", "id": "d", "stage": "prompt", **decision_fields(decision)}
    past = past_decision(record)
    assert past is not None
    assert {signal.category for signal in past.findings.signals if signal.outside} == {"sexual", "minor"}


async def test_a_covered_language_counts_in_full_and_is_asked_once() -> None:
    """With German on the card the same score decides, nothing is marked, and there was one question."""
    german = model(scored("Kinder"), "en", "de")
    decision = await judged(GERMAN, german)
    assert (decision.action, decision.degraded) == (Action.BLOCK, False)
    assert german.items == [GERMAN]


async def test_what_is_covered_of_a_mixed_text_counts() -> None:
    """English inside of German decides; German beside it takes nothing away from it."""
    alone = await judged("a violent goat", model(scored("violent"), "en"))
    mixed = await judged(f"a violent goat. {GERMAN}.", model(scored("violent"), "en"))
    assert alone.action is mixed.action is Action.BLOCK
    assert mixed.degraded


async def test_a_mixed_text_is_asked_in_two_pieces() -> None:
    """What is covered, and what is not; the whole is not asked besides."""
    english = model(scored("violent"), "en")
    await judged(f"{GERMAN}. a violent goat on a hill", english)
    assert english.items == ["a violent goat on a hill", f"{GERMAN}."]


async def test_a_classifier_of_any_language_is_asked_as_ever() -> None:
    """A card without languages of its own: the whole text, nothing marked as outside."""
    anyone = model(scored("Kinder"), "*")
    decision = await judged(GERMAN, anyone)
    assert (decision.action, outside(decision), anyone.items) == (Action.BLOCK, {}, [GERMAN])
