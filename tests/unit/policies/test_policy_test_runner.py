"""The runner of golden policy tests, and replay of stored findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifiers.signals import Failure, FailureKind, Findings, Modality, Signal
from policies.compiler import compile_policy
from policies.decision import Action, Stage
from policies.errors import PolicyError
from policies.loader import parse_policy
from policies.policy import Policy
from policies.replay import PastDecision, replay
from policies.testing import cases_beside, made_up_card, run_test_text, run_tests

CARDS = {
    "words": made_up_card("words", Modality.TEXT, "profanity", "hate"),
    "model": made_up_card("model", Modality.TEXT, "hate"),
}
TEXT = """
name: sample
description: for tests
owner: tests
rewrite: {mode: safety, max_attempts: 1}
bands: {default: {low: 0.3, medium: 0.6, high: 0.9}}
stages:
  prompt:
    classifiers: [{name: words, timeout_ms: 10}]
    rules:
      - {id: hate, when: {category: hate, at_least: medium}, action: block, reason: No hate.}
      - {id: swear, when: {category: profanity, at_least: low}, action: rewrite}
      - id: trial
        when: {category: hate, at_least: low}
        action: hold
        mode: shadow
        reason: Is it too strict?
        date: 2026-01-01
  image: {skip: {reason: text only, date: 2026-01-01}}
"""
CASES = """
policy: sample
cases:
  - name: hate
    stage: prompt
    scores: {hate: 0.7}
    expect: {action: block, rules: [hate], shadow: [trial], reason: No hate}
  - name: swearing
    stage: prompt-recheck
    by_classifier: {words: {profanity: 0.4}}
    expect: {action: rewrite, verdict: rewrite, rules: [swear], shadow: [], degraded: false}
  - name: a failure
    stage: prompt
    failures: {words: timeout}
    expect: {action: block, failed_closed: true, degraded: true}
"""


@pytest.fixture
def policy() -> Policy:
    return compile_policy(parse_policy(TEXT), CARDS)


def test_a_complete_file_passes(policy: Policy, tmp_path: Path) -> None:
    """All cases pass and every rule is reached: the report is ok."""
    path = tmp_path / "sample_test.yaml"
    path.write_text(CASES)
    report = run_tests(policy, path)
    assert report.ok, report.render()
    assert report.render() == "sample: 3 of 3 cases pass"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "action: block, rules: [hate]",
            "action: allow, rules: [hate]",
            "hate: action is block, expected allow",
        ),
        ("rules: [hate]", "rules: []", "rules is hate, expected none"),
        ("shadow: [trial]", "shadow: []", "shadow is trial, expected none"),
        ("verdict: rewrite", "verdict: block", "verdict is rewrite, expected block"),
        ("reason: No hate", "reason: Sorry", 'the reason is "No hate.", expected "Sorry" in it'),
        ("failed_closed: true", "failed_closed: false", "failed_closed is true, expected false"),
        ("degraded: false", "degraded: true", "degraded is false, expected true"),
    ],
)
def test_every_expectation_can_fail(policy: Policy, old: str, new: str, words: str) -> None:
    """Each expectation that does not come true is told: file, line, case, what came, what was expected."""
    assert old in CASES
    report = run_test_text(policy, CASES.replace(old, new), "t.yaml")
    assert not report.ok
    assert words in report.render()
    assert report.render().startswith("t.yaml:")


def test_a_rule_that_no_case_reaches_is_reported(policy: Policy) -> None:
    """A test file that leaves a rule out is not ok, and names it."""
    report = run_test_text(policy, CASES.replace("profanity: 0.4", "profanity: 0.1"), "t.yaml")
    assert report.unreached == ("swear",)
    assert "no case reaches the rule swear" in report.render()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("policy: sample", "policy: other", 'these tests are for "other"'),
        ("stage: prompt-recheck", "stage: image", "skips the image stage"),
        ("hate: 0.7", "hate: 1.7", "must be at most 1"),
        ("words: timeout", "words: tired", "is not possible"),
        ("expect: {action: block, failed", "expected: {action: block, failed", "unknown key"),
    ],
)
def test_a_wrong_test_file_is_refused(policy: Policy, old: str, new: str, words: str) -> None:
    """Test files are as strict as policies."""
    assert old in CASES
    with pytest.raises(PolicyError, match=words):
        run_test_text(policy, CASES.replace(old, new), "t.yaml")


def test_tests_lie_beside_their_policy() -> None:
    """NAME.yaml has its tests in NAME_test.yaml."""
    assert cases_beside(Path("a/b.yaml")) == Path("a/b_test.yaml")


def past(
    identity: str, action: Action, *scores: tuple[str, float], stage: Stage = Stage.PROMPT
) -> PastDecision:
    signals = tuple(Signal(category, score, "words", "r") for category, score in scores)
    return PastDecision(identity, stage, Findings(signals, (), ("words",)), action)


def test_replay_decides_stored_findings_again(policy: Policy) -> None:
    """Stored evidence under another policy: the moves between actions, and which decisions changed."""
    report = replay(
        policy,
        [
            past("a", Action.ALLOW, ("hate", 0.7)),
            past("b", Action.ALLOW, ("hate", 0.1)),
            past("c", Action.BLOCK, ("profanity", 0.5)),
            past("d", Action.ALLOW, stage=Stage.IMAGE),
        ],
    )
    assert report.moves == {
        (Action.ALLOW, Action.BLOCK): 1,
        (Action.ALLOW, Action.ALLOW): 1,
        (Action.BLOCK, Action.REWRITE): 1,
    }
    assert [each.past.id for each in report.decisions if each.changed] == ["a", "c"]
    assert report.skipped == ("d",)


def test_replay_does_not_count_what_was_never_measured() -> None:
    """A policy that asks a new classifier fails closed on old evidence; that is told apart from a change."""
    asks = TEXT.replace(
        "[{name: words, timeout_ms: 10}]", "[{name: words, timeout_ms: 10}, {name: model, timeout_ms: 1}]"
    )
    report = replay(compile_policy(parse_policy(asks), CARDS), [past("a", Action.ALLOW, ("hate", 0.1))])
    assert report.decisions[0].unmeasured == ("model",)
    assert not report.decisions[0].changed
    assert report.moves == {}


def test_replay_compares_what_failed_then_as_well() -> None:
    """A classifier that was already missing then fails closed then and now: comparable, and unchanged."""
    policy = compile_policy(parse_policy(TEXT), CARDS)
    silent = Findings((), (Failure("words", FailureKind.MISSING),), ())
    report = replay(policy, [PastDecision("a", Stage.PROMPT, silent, Action.BLOCK)])
    assert report.decisions[0].unmeasured == ()
    assert report.moves == {(Action.BLOCK, Action.BLOCK): 1}


@pytest.mark.parametrize(
    ("scores", "message", "hint"),
    [
        ("by_classifier: {wods: {profanity: 0.9}}", 'does not ask a classifier named "wods"', "words"),
        ("by_classifier: {words: {profanty: 0.9}}", 'unknown category "profanty"', "profanity"),
        ("scores: {hat: 0.9}", 'unknown category "hat"', "hate"),
        ("failures: {wods: timeout}", 'does not ask a classifier named "wods"', "words"),
    ],
)
def test_a_typing_error_in_a_case_is_refused(scores: str, message: str, hint: str) -> None:
    """A case about nothing would pass for ever: the name is refused where it stands, with a hint."""
    head = "policy: sample\ncases:\n  - name: x\n    stage: prompt\n"
    text = f"{head}    {scores}\n    expect: {{action: allow}}\n"
    policy = compile_policy(parse_policy(TEXT, "sample.yaml"), CARDS)
    with pytest.raises(PolicyError, match=message) as refused:
        run_test_text(policy, text, "sample_test.yaml")
    assert "sample_test.yaml:5:" in str(refused.value)
    assert hint in str(refused.value)
