"""Decisions, case by case: what matches, what binds, and what silence means."""

from __future__ import annotations

import pytest

from classifiers.signals import Failure, FailureKind, Findings, Modality, Signal
from policies.compiler import compile_policy
from policies.decision import Action, Decision, Mode, Severity, Stage
from policies.evaluate import UNCHECKED_REASON
from policies.loader import parse_policy
from policies.policy import Policy
from policies.testing import made_up_card

CARDS = {
    "words": made_up_card("words", Modality.TEXT, "profanity", "violence", "sexual", "minor"),
    "model": made_up_card("model", Modality.TEXT, "violence", "violence/graphic", "hate", "sexual/minors"),
    "eyes": made_up_card("eyes", Modality.IMAGE, "sexual", "violence"),
}
BOTH = ("words", "model")
HEAD = """
name: sample
description: for tests
owner: tests
rewrite: {mode: safety, max_attempts: 1}
bands:
  default: {low: 0.3, medium: 0.6, high: 0.9}
  violence/graphic: {low: 0.1, medium: 0.2, high: 0.3}
stages:
  image: {skip: {reason: no pictures in this test, date: 2026-01-01}}
  prompt:
    classifiers:
      - {name: words, timeout_ms: 10}
      - {name: model, timeout_ms: 10%s}
    rules:
"""
RULES = """
      - {id: swear, when: {category: profanity, at_least: low}, action: rewrite, reason: Mind your words.}
      - {id: fight, when: {category: violence, at_least: medium}, action: hold, ref: TS-1}
      - {id: brawl, when: {category: violence, at_least: high}, action: block, reason: No violence.}
"""
OPEN = ", on_failure: allow, reason: a trial, until: 2099-01-01"


def policy_of(rules: str = RULES, model: str = "") -> Policy:
    return compile_policy(parse_policy(HEAD % model + rules), CARDS)


def decide(policy: Policy, *measured: tuple[str, float], source: str = "words", **failures: str) -> Decision:
    signals = tuple(Signal(category, score, source, "r1") for category, score in measured)
    failed = tuple(Failure(name, FailureKind(kind)) for name, kind in failures.items())
    looked = tuple(name for name in BOTH if name not in failures)
    return policy.decide(Stage.PROMPT, Findings(signals, failed, looked), "d-1")


def rules_of(decision: Decision) -> list[str]:
    return [hit.rule for hit in decision.rules]


def test_no_signal_allows_when_everyone_looked() -> None:
    """Findings without a signal allow, once every planned classifier has looked."""
    decision = decide(policy_of())
    assert (decision.action, decision.verdict, decision.rules) == (Action.ALLOW, Action.ALLOW, ())
    assert not decision.degraded
    assert decision.public_reason == ""


def test_no_evidence_at_all_blocks() -> None:
    """Empty findings are not "nothing found": every planned classifier counts as missing, and that blocks."""
    decision = policy_of().decide(Stage.PROMPT, Findings(), "d-1")
    assert decision.action is Action.BLOCK
    assert decision.failed_closed
    assert decision.degraded
    assert [(f.classifier, f.kind) for f in decision.findings.failures] == [
        ("words", FailureKind.MISSING),
        ("model", FailureKind.MISSING),
    ]


@pytest.mark.parametrize(
    ("score", "severity", "action", "rules"),
    [
        (0.0, None, Action.ALLOW, []),
        (0.2999, None, Action.ALLOW, []),
        (0.3, Severity.LOW, Action.ALLOW, []),
        (0.6, Severity.MEDIUM, Action.HOLD, ["fight"]),
        (0.8999, Severity.MEDIUM, Action.HOLD, ["fight"]),
        (0.9, Severity.HIGH, Action.BLOCK, ["brawl", "fight"]),
        (1.0, Severity.HIGH, Action.BLOCK, ["brawl", "fight"]),
    ],
)
def test_edges_belong_to_the_upper_band(
    score: float, severity: Severity | None, action: Action, rules: list[str]
) -> None:
    """A score on an edge lies in the band above it, and the strictest rule is listed first."""
    decision = decide(policy_of(), ("violence", score))
    assert decision.severities.get("violence") is severity
    assert decision.action is action
    assert rules_of(decision) == rules


def test_a_child_counts_for_its_parent_by_its_own_bands() -> None:
    """A signal on violence/graphic matches a rule on violence, banded by violence/graphic."""
    decision = decide(policy_of(), ("violence/graphic", 0.3))
    hit = decision.rules[0]
    assert (hit.rule, hit.category, hit.severity) == ("brawl", "violence/graphic", Severity.HIGH)
    assert (hit.score, hit.threshold) == (0.3, 0.3)
    assert decision.severities == {"violence/graphic": Severity.HIGH}
    assert decision.categories == ("violence/graphic",)


def test_a_parent_does_not_count_for_its_child() -> None:
    """A signal on violence says nothing about violence/graphic."""
    rules = "      - {id: gore, when: {category: violence/graphic, at_least: low}, action: block}\n"
    assert decide(policy_of(rules), ("violence", 1.0)).action is Action.ALLOW


def test_a_category_without_bands_takes_its_parents() -> None:
    """An unlisted category below violence/graphic is banded like violence/graphic."""
    decision = decide(policy_of(), ("violence/graphic/wounds", 0.25))
    assert decision.severities == {"violence/graphic/wounds": Severity.MEDIUM}
    assert rules_of(decision) == ["fight"]


def test_several_views_and_classifiers_count_by_the_strongest() -> None:
    """Of several signals on one category the highest decides, and the hit names its classifier."""
    low = Signal("violence", 0.2, "words", "r1", view="original")
    mid = Signal("violence", 0.7, "model", "r1", view="normalised")
    for signals in ((low, mid), (mid, low)):
        decision = policy_of().decide(Stage.PROMPT, Findings(signals, (), BOTH), "d-1")
        assert decision.action is Action.HOLD
        assert decision.rules[0].classifier == "model"
        assert decision.rules[0].ref == "TS-1"


def test_a_classifier_outside_the_plan_counts_too() -> None:
    """A signal that nobody asked for can only make the answer stricter, and does."""
    assert decide(policy_of(), ("violence", 0.95), source="stranger").action is Action.BLOCK


def test_the_strictest_rule_gives_the_reason() -> None:
    """The public reason is the strictest rule's; among equals the first in the file."""
    assert decide(policy_of(), ("profanity", 0.5), ("violence", 0.95)).public_reason == "No violence."
    rules = """
      - {id: one, when: {category: violence, at_least: low}, action: block, reason: First.}
      - {id: two, when: {category: hate, at_least: low}, action: block, reason: Second.}
"""
    assert decide(policy_of(rules), ("hate", 1.0), ("violence", 0.4)).public_reason == "First."


def test_a_rule_without_a_reason_has_a_default_one() -> None:
    """A rule that gives no reason shows the action's own, never an empty text."""
    assert "person" in decide(policy_of(), ("violence", 0.7)).public_reason


def test_all_needs_every_part_and_any_needs_one() -> None:
    """`all` holds with every part, `any` with one; the strongest part is the evidence."""
    rules = """
      - id: both
        when: {all: [{category: profanity, at_least: low}, {category: hate, at_least: medium}]}
        action: block
      - id: either
        when: {any: [{category: profanity, at_least: high}, {category: hate, at_least: high}]}
        action: rewrite
"""
    policy = policy_of(rules)
    assert rules_of(decide(policy, ("profanity", 0.5))) == []
    assert rules_of(decide(policy, ("hate", 0.7))) == []
    both = decide(policy, ("profanity", 0.5), ("hate", 0.7))
    assert rules_of(both) == ["both"]
    assert (both.rules[0].category, both.rules[0].threshold) == ("hate", 0.6)
    assert rules_of(decide(policy, ("hate", 0.9))) == ["either"]


def test_a_classifier_filter_counts_that_classifier_only() -> None:
    """`classifier:` in a condition reads that classifier's own strongest signal."""
    when = "{category: violence, at_least: medium, classifier: model}"
    policy = policy_of(f"      - {{id: only, when: {when}, action: block}}\n")
    words, model = Signal("violence", 0.99, "words", "r1"), Signal("violence/graphic", 0.25, "model", "r1")
    assert policy.decide(Stage.PROMPT, Findings((words,), (), BOTH), "d").action is Action.ALLOW
    decision = policy.decide(Stage.PROMPT, Findings((words, model), (), BOTH), "d")
    assert (decision.action, decision.rules[0].classifier) == (Action.BLOCK, "model")


def test_a_shadow_rule_shows_in_the_verdict_only() -> None:
    """A shadow rule raises the verdict and is listed apart; the action and the reason stay."""
    trial = """
      - {id: trial, when: {category: profanity, at_least: low}, action: block, mode: shadow,
         reason: Is it too strict?, date: 2026-11-01}
"""
    decision = decide(policy_of(RULES + trial), ("profanity", 0.5))
    assert (decision.action, decision.verdict) == (Action.REWRITE, Action.BLOCK)
    assert [hit.rule for hit in decision.shadow] == ["trial"]
    assert decision.shadow[0].mode is Mode.SHADOW
    assert rules_of(decision) == ["swear"]
    assert decision.public_reason == "Mind your words."


def test_a_rule_that_is_off_says_nothing() -> None:
    """A rule in mode off neither binds nor shows."""
    off = "      - {id: gone, when: {category: hate, at_least: low}, action: block, mode: off}\n"
    decision = decide(policy_of(RULES + off), ("hate", 1.0))
    assert (decision.action, decision.verdict, decision.rules) == (Action.ALLOW, Action.ALLOW, ())


def test_an_allow_rule_is_recorded_and_names_no_category() -> None:
    """A rule that allows is listed as a hit, and its category does not count as a violation."""
    policy = policy_of("      - {id: fine, when: {category: profanity, at_least: low}, action: allow}\n")
    decision = decide(policy, ("profanity", 0.9))
    assert (decision.action, rules_of(decision), decision.categories) == (Action.ALLOW, ["fine"], ())
    assert decision.public_reason == ""


@pytest.mark.parametrize("kind", list(FailureKind))
def test_a_required_failure_blocks_whatever_its_kind(kind: FailureKind) -> None:
    """A failed classifier that is required blocks with failed_closed, and says so without details."""
    decision = decide(policy_of(), words=kind.value)
    assert (decision.action, decision.verdict) == (Action.BLOCK, Action.BLOCK)
    assert decision.failed_closed
    assert decision.degraded
    assert rules_of(decision) == ["failure/words"]
    assert decision.public_reason == UNCHECKED_REASON


def test_a_failure_that_may_fail_open_only_degrades() -> None:
    """With on_failure: allow the other classifier decides, and the decision is marked degraded."""
    policy = policy_of(model=OPEN)
    calm, wild = decide(policy, model="timeout"), decide(policy, ("violence", 0.95), model="timeout")
    assert (calm.action, calm.degraded, calm.failed_closed) == (Action.ALLOW, True, False)
    assert (wild.action, wild.degraded, wild.failed_closed) == (Action.BLOCK, True, False)


def test_silence_of_one_that_may_fail_open_is_recorded() -> None:
    """A fail-open classifier that neither looked nor failed goes on record as missing."""
    findings = Findings((), (), ("words",))
    decision = policy_of(model=OPEN).decide(Stage.PROMPT, findings, "d-1")
    assert (decision.action, decision.degraded) == (Action.ALLOW, True)
    assert decision.findings.failures == (Failure("model", FailureKind.MISSING, "gave no measurement"),)


def test_one_fail_open_excuses_nobody_else() -> None:
    """When all classifiers fail, the required one blocks: nothing measured never allows."""
    assert decide(policy_of(model=OPEN), model="timeout", words="timeout").action is Action.BLOCK


def test_a_failure_outside_the_plan_blocks() -> None:
    """A failure of a part that the policy did not name (a decoder, say) is excused by nobody."""
    findings = Findings((), (Failure("decoder", FailureKind.EXCEPTION),), BOTH)
    decision = policy_of(model=OPEN).decide(Stage.PROMPT, findings, "d-1")
    assert (decision.action, decision.failed_closed) == (Action.BLOCK, True)


def test_a_failure_that_also_looked_still_blocks() -> None:
    """One failed view is a failure, even when another view of the same classifier was measured."""
    findings = Findings((), (Failure("words", FailureKind.TIMEOUT),), BOTH)
    assert policy_of().decide(Stage.PROMPT, findings, "d-1").failed_closed


def test_the_order_of_classifiers_does_not_matter() -> None:
    """Classifiers may report in any order without being taken for missing."""
    decision = policy_of().decide(Stage.PROMPT, Findings((), (), ("model", "words")), "d-1")
    assert (decision.action, decision.degraded) == (Action.ALLOW, False)


def test_a_rechecked_prompt_meets_the_prompts_rules() -> None:
    """PROMPT_RECHECK has the plan and the rules of PROMPT, and its own name on the decision."""
    policy = policy_of()
    findings = Findings((Signal("profanity", 0.9, "words", "r1"),), (), BOTH)
    decision = policy.decide(Stage.PROMPT_RECHECK, findings, "d-2")
    assert (decision.stage, decision.action) == (Stage.PROMPT_RECHECK, Action.REWRITE)
    assert policy.plan(Stage.PROMPT_RECHECK) == policy.plan(Stage.PROMPT)


def test_a_skipped_stage_decides_nothing() -> None:
    """Asking a policy about a stage that it skips raises; nothing is taken for allowed."""
    policy = policy_of()
    assert policy.plan(Stage.IMAGE).skipped_reason == "no pictures in this test"
    assert policy.rules(Stage.IMAGE) == ()
    with pytest.raises(ValueError, match="skips the stage image"):
        policy.decide(Stage.IMAGE, Findings(), "d-1")


def test_many_hot_categories_reach_every_rule() -> None:
    """With more hot categories than the short cut serves, the same rules match as one by one."""
    hot = ["profanity", "violence", "hate", "toxicity", "illicit", "injection", "harassment", "custom/a"]
    together = decide(policy_of(), *((slug, 0.95) for slug in hot))
    apart = {rule for slug in hot for rule in rules_of(decide(policy_of(), (slug, 0.95)))}
    assert set(rules_of(together)) == apart == {"swear", "fight", "brawl"}


def test_a_milder_shadow_rule_leaves_the_verdict_at_the_action() -> None:
    """The verdict is never milder than the action, whatever is on trial."""
    trial = """
      - {id: trial, when: {category: hate, at_least: low}, action: rewrite, mode: shadow,
         reason: a trial, date: 2026-11-01}
"""
    decision = decide(policy_of(RULES + trial), ("hate", 0.5), ("violence", 0.95))
    assert (decision.action, decision.verdict) == (Action.BLOCK, Action.BLOCK)


def test_severity_counts_before_score_between_parent_and_child() -> None:
    """A child's high severity at a small score outweighs its parent's low severity at a larger one."""
    signals = (Signal("violence", 0.5, "words", "r1"), Signal("violence/graphic", 0.35, "model", "r1"))
    for order in (signals, signals[::-1]):
        decision = policy_of().decide(Stage.PROMPT, Findings(order, (), BOTH), "d-1")
        assert decision.action is Action.BLOCK
        assert decision.rules[0].category == "violence/graphic"
        assert decision.severities == {"violence": Severity.LOW, "violence/graphic": Severity.HIGH}
