"""The locked families: no rule, no band and no mode of a policy reaches them."""

from __future__ import annotations

import pytest

from classifiers.signals import Findings, Modality, Signal
from policies.compiler import compile_policy
from policies.decision import Action, Severity, Stage
from policies.errors import PolicyError
from policies.loader import parse_policy
from policies.locks import LOCK_EDGES
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
        "text": made_up_card("text", Modality.TEXT, *categories),
        "eyes": made_up_card("eyes", Modality.IMAGE, *categories),
    }
    return compile_policy(parse_policy(LAX), cards)


def action(policy: Policy, stage: Stage, **scores: float) -> Action:
    source = "eyes" if stage is Stage.IMAGE else "text"
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


def test_what_nobody_measures_for_a_lock_is_visible() -> None:
    """uncovered_locked names each stage and category that no configured classifier measures for the locks."""
    assert lax("sexual").uncovered_locked == (
        "prompt: sexual/minors",
        "prompt: real-person",
        "image: sexual/minors",
        "image: real-person",
    )
    assert lax("sexual", "sexual/minors", "real-person").uncovered_locked == ()


def test_the_locks_are_listed_first() -> None:
    """Every judged stage lists both locked rules as enforced blocks."""
    for stage in Stage:
        locked = [rule for rule in lax("sexual").rules(stage) if rule.locked]
        assert [(rule.id, rule.action) for rule in locked] == [
            ("locked/sexual-minors", Action.BLOCK),
            ("locked/sexual-real-person", Action.BLOCK),
        ]


def test_a_stricter_rule_on_a_locked_family_is_welcome() -> None:
    """A policy may block a locked family from a lower edge on."""
    text = LAX.replace("bands: {", "bands: {sexual/minors: {low: 0.05, medium: 0.1, high: 0.2}, ").replace(
        "rules: [{id: only,",
        "rules: [{id: early, when: {category: sexual/minors, at_least: low}, action: block}, {id: only,",
    )
    cards = {
        "text": made_up_card("text", Modality.TEXT, "sexual", "sexual/minors"),
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
        "text": made_up_card("text", Modality.TEXT, "sexual", "sexual/minors"),
        "eyes": made_up_card("eyes", Modality.IMAGE, "sexual"),
    }
    with pytest.raises(PolicyError, match="sexual/minors is locked"):
        compile_policy(parse_policy(LAX.replace("rules: [{id: only,", rule)), cards)
