"""The locked families: no rule, no band and no mode of a policy reaches them."""

from __future__ import annotations

import pytest

from classifiers.signals import Findings, Modality, Signal
from policies.compiler import compile_policy
from policies.decision import Action, Severity, Stage
from policies.errors import PolicyError
from policies.loader import parse_policy
from policies.locks import LOCK_EDGES, carried_from, implied_scores
from policies.policy import Policy
from policies.testing import made_up_card

LAX = """
name: lax
description: as lenient as a policy can be written
owner: tests
rewrite: {mode: off}
bands: {default: {low: 0.98, medium: 0.99, high: 1.0}}
stages:
  prompt:
    classifiers: [{name: text, timeout_ms: 10}]
    rules: [{id: only, when: {category: sexual, at_least: high}, action: allow}]
  image:
    classifiers: [{name: eyes, timeout_ms: 10}]
    rules: [{id: seen, when: {category: sexual, at_least: high}, action: allow}]
"""


def lax(*categories: str) -> Policy:
    cards = {
        "text": made_up_card("text", Modality.TEXT, *categories, "minor"),
        "eyes": made_up_card("eyes", Modality.IMAGE, *categories),
    }
    return compile_policy(parse_policy(LAX), cards)


def action(policy: Policy, stage: Stage, **scores: float) -> Action:
    source = "eyes" if stage in (Stage.IMAGE, Stage.INPUT_IMAGE) else "text"
    signals = (
        Signal(slug.replace("__", "/").replace("_", "-"), s, source, "r") for slug, s in scores.items()
    )
    return policy.decide(stage, Findings(tuple(signals), (), (source,)), "d").action


@pytest.mark.parametrize("stage", list(Stage))
def test_sexual_content_with_minors_blocks_under_the_laxest_policy(stage: Stage) -> None:
    """sexual/minors blocks from the locks' own edge on, at every stage, whatever the policy's bands are."""
    policy = lax("sexual")
    assert action(policy, stage, sexual__minors=LOCK_EDGES[0]) is Action.BLOCK
    assert action(policy, stage, sexual__minors=LOCK_EDGES[0] - 0.01) is Action.ALLOW


@pytest.mark.parametrize("stage", list(Stage))
def test_sexual_imagery_of_a_real_person_blocks_under_the_laxest_policy(stage: Stage) -> None:
    """sexual and real-person together block; each alone is the policy's business."""
    policy = lax("sexual")
    assert action(policy, stage, sexual=0.4, real_person=0.4) is Action.BLOCK
    assert action(policy, stage, sexual=0.97) is Action.ALLOW
    assert action(policy, stage, real_person=1.0) is Action.ALLOW


def test_a_locked_hit_is_named_and_has_its_severity() -> None:
    """The hit carries the lock's id, reason, threshold and severity, also below the policy's lowest band."""
    signals = (Signal("sexual/minors", 0.7, "text", "r"),)
    decision = lax("sexual").decide(Stage.PROMPT, Findings(signals, (), ("text",)), "d")
    hit = decision.rules[0]
    assert (hit.rule, hit.threshold, hit.severity) == ("locked/sexual-minors", LOCK_EDGES[0], Severity.MEDIUM)
    assert decision.severities == {"sexual/minors": Severity.MEDIUM}
    assert "under 18" in decision.public_reason


@pytest.mark.parametrize("person", [0.4, 0.9])
def test_every_family_of_a_lock_has_its_severity(person: float) -> None:
    """Also the stronger one, so that a score that rises takes no severity away."""
    signals = (Signal("sexual", 0.5, "text", "r"), Signal("real-person", person, "text", "r"))
    decision = lax("sexual").decide(Stage.PROMPT, Findings(signals, (), ("text",)), "d")
    stronger = Severity.LOW if person < LOCK_EDGES[1] else Severity.HIGH
    assert decision.severities == {"sexual": Severity.LOW, "real-person": stronger}


def test_what_nobody_measures_for_a_lock_is_visible() -> None:
    """uncovered_locked names each stage and category that no configured classifier measures for the locks."""
    assert lax("sexual").uncovered_locked == (
        "prompt: real-person",
        "image: sexual/minors",
        "image: minor",
        "image: real-person",
    )
    assert lax("sexual", "minor", "real-person").uncovered_locked == ()


def test_the_locks_are_listed_first() -> None:
    """Every judged stage lists both locked rules as enforced blocks."""
    for stage in Stage:
        locked = [rule for rule in lax("sexual").rules(stage) if rule.locked]
        assert [(rule.id, rule.action) for rule in locked] == [
            ("locked/sexual-minors", Action.BLOCK),
            ("locked/sexual-with-minor", Action.BLOCK),
            ("locked/sexual-real-person", Action.BLOCK),
        ]


def test_a_stricter_rule_on_a_locked_family_is_welcome() -> None:
    """A policy may block a locked family from a lower edge on."""
    text = LAX.replace("bands: {", "bands: {sexual/minors: {low: 0.05, medium: 0.1, high: 0.2}, ").replace(
        "rules: [{id: only,",
        "rules: [{id: early, when: {category: sexual/minors, at_least: low}, action: block}, {id: only,",
    )
    cards = {
        "text": made_up_card("text", Modality.TEXT, "sexual", "sexual/minors", "minor"),
        "eyes": made_up_card("eyes", Modality.IMAGE, "sexual"),
    }
    assert (
        action(compile_policy(parse_policy(text), cards), Stage.PROMPT, sexual__minors=0.05) is Action.BLOCK
    )


@pytest.mark.parametrize("loosening", ["mode: off", "mode: shadow, reason: r, date: 2026-01-01"])
def test_a_lock_hidden_in_any_and_all_is_found(loosening: str) -> None:
    """A loosened rule is refused when its condition can hold inside a locked family only."""
    when = (
        "{any: [{category: sexual/minors, at_least: low},"
        " {all: [{category: sexual, at_least: low}, {category: sexual/minors, at_least: high}]}]}"
    )
    rule = f"rules: [{{id: hidden, when: {when}, action: block, {loosening}}}, {{id: only,"
    cards = {
        "text": made_up_card("text", Modality.TEXT, "sexual", "sexual/minors", "minor"),
        "eyes": made_up_card("eyes", Modality.IMAGE, "sexual"),
    }
    with pytest.raises(PolicyError, match="sexual/minors is locked"):
        compile_policy(parse_policy(LAX.replace("rules: [{id: only,", rule)), cards)


@pytest.mark.parametrize("stage", list(Stage))
def test_sexual_content_with_a_cue_for_a_minor_blocks_under_the_laxest_policy(stage: Stage) -> None:
    """sexual and minor block together from the locks' own edge on; each alone is the policy's business."""
    policy, low = lax("sexual"), LOCK_EDGES[0]
    assert action(policy, stage, sexual=low, minor=low) is Action.BLOCK
    assert action(policy, stage, sexual=low - 0.01, minor=1.0) is Action.ALLOW
    assert action(policy, stage, sexual=0.97, minor=low - 0.01) is Action.ALLOW
    assert action(policy, stage, minor=1.0) is Action.ALLOW


def test_what_two_families_make_is_named_and_as_strong_as_the_weaker() -> None:
    """The hit is one of sexual/minors, with the weaker score; so is the score that a moderation answers."""
    signals = (Signal("sexual", 0.7, "text", "r"), Signal("minor", 0.9, "text", "r"))
    decision = lax("sexual").decide(Stage.PROMPT, Findings(signals, (), ("text",)), "d")
    hit = decision.rules[0]
    assert (hit.rule, hit.category, hit.score) == ("locked/sexual-with-minor", "sexual/minors", 0.7)
    assert decision.categories == ("sexual/minors",)
    assert decision.severities["sexual/minors"] is Severity.MEDIUM
    assert implied_scores(decision.findings) == {"sexual/minors": 0.7}


def test_a_prompts_cue_counts_for_the_lock_at_its_picture() -> None:
    """Neither is enough alone; carried evidence reaches no rule of the policy and no severity."""
    policy = lax("sexual")
    prompt = Findings(
        (Signal("minor", 0.9, "text", "r"), Signal("violence", 1.0, "text", "r")), (), ("text",)
    )
    carried = carried_from(prompt)
    assert [(signal.category, signal.score) for signal in carried] == [("minor", 0.9)]

    def picture(score: float) -> Findings:
        return Findings((Signal("sexual", score, "eyes", "r"),), (), ("eyes",), carried)

    low = policy.decide(Stage.IMAGE, picture(LOCK_EDGES[0]), "d")
    assert (low.action, low.categories) == (Action.BLOCK, ("sexual/minors",))
    assert policy.decide(Stage.IMAGE, picture(LOCK_EDGES[0] - 0.01), "d").action is Action.ALLOW
    sexual = (Signal("sexual", 1.0, "text", "r"),)
    decision = policy.decide(Stage.IMAGE, Findings((), (), ("eyes",), sexual), "d")
    assert (decision.rules, decision.severities) == ((), {})


def test_only_what_reaches_a_lock_is_carried() -> None:
    """Per category the strongest signal from the locks' edge on, what was carried before included."""
    before = (Signal("real-person", 0.5, "names", "r"),)
    findings = Findings(
        (Signal("minor", 0.4, "a", "r"), Signal("minor", 0.6, "b", "r"), Signal("sexual", 0.3, "a", "r")),
        carried=before,
    )
    assert [(s.category, s.score) for s in carried_from(findings)] == [("real-person", 0.5), ("minor", 0.6)]


@pytest.mark.parametrize("use", ["{name: text, timeout_ms: 10}", "{name: cues, timeout_ms: 10, FAILS}"])
def test_a_policy_that_could_not_see_a_minor_does_not_compile(use: str) -> None:
    """Where sexual is measured in a prompt, minor is measured too, by a classifier that fails closed."""
    cards = {
        "text": made_up_card("text", Modality.TEXT, "sexual"),
        "cues": made_up_card("cues", Modality.TEXT, "minor"),
        "eyes": made_up_card("eyes", Modality.IMAGE, "sexual"),
    }
    fails = "on_failure: allow, reason: slow, until: 2099-01-01"
    uses = {"{name: text, timeout_ms: 10}", use.replace("FAILS", fails)}
    text = LAX.replace("[{name: text, timeout_ms: 10}]", f"[{', '.join(sorted(uses))}]")
    with pytest.raises(PolicyError, match="lock on sexual content with minors"):
        compile_policy(parse_policy(text), cards)
    closed = "[{name: text, timeout_ms: 10}, {name: cues, timeout_ms: 10}]"
    compile_policy(parse_policy(LAX.replace("[{name: text, timeout_ms: 10}]", closed)), cards)
