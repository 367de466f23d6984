"""What compiling keeps, changes and warns of: plans, revisions, expired leaves, supported actions."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from classifiers.signals import Failure, FailureKind, Findings, Modality
from policies.compiler import GATEWAY_ACTIONS, compile_policy
from policies.conditions import compile_condition
from policies.coverage import stage_coverage
from policies.decision import Action, Stage
from policies.document import ConditionDocument
from policies.errors import PolicyError
from policies.implication import implies, lies_within
from policies.loader import parse_policy
from policies.policy import ClassifierUse, Policy, RewritePlan
from policies.testing import made_up_card

CARDS = {
    "words": made_up_card("words", Modality.TEXT, "profanity", "hate"),
    "model": made_up_card("model", Modality.TEXT, "violence", "custom/brand/logo"),
    "eyes": made_up_card("eyes", Modality.IMAGE, "sexual"),
}
SHADOW = "mode: shadow, reason: r, date: 2026-01-01"
TEXT = """\
# a comment
name: sample
description: for tests
owner: tests
rewrite: {mode: safety, max_attempts: 1}
bands:
  default: {low: 0.3, medium: 0.6, high: 0.9}
stages:
  prompt:
    classifiers:
      - {name: words, timeout_ms: 10}
      - {name: model, timeout_ms: 20, on_failure: allow, reason: slow, until: 2026-06-30}
    rules:
      - {id: one, when: {category: hate, at_least: low}, action: block, reason: No hate.}
      - {id: two, when: {category: custom/brand, at_least: low}, action: rewrite}
  image:
    classifiers: [{name: eyes, timeout_ms: 30}]
    rules: [{id: three, when: {category: sexual, at_least: medium}, action: redact}]
"""


def compiled(text: str = TEXT, **options: object) -> Policy:
    return compile_policy(parse_policy(text), CARDS, **options)


def test_a_plan_lists_the_classifiers_as_written() -> None:
    """The plan carries names, time limits and what a failure means, in the file's order."""
    policy = compiled()
    assert policy.plan(Stage.PROMPT).classifiers == (
        ClassifierUse("words", 10, "block"),
        ClassifierUse("model", 20, "allow", dt.date(2026, 6, 30)),
    )
    assert policy.plan(Stage.IMAGE).classifiers == (ClassifierUse("eyes", 30, "block"),)
    assert policy.plan(Stage.IMAGE).skipped_reason is None
    assert policy.rewrite == RewritePlan("safety", 1, 30_000, 0.65, Action.BLOCK)


def test_a_drift_bound_that_bounds_nothing_warns() -> None:
    """`max_drift: 1` compiles, and the policy says that it stops no rewrite."""
    policy = compiled(TEXT.replace("max_attempts: 1}", "max_attempts: 1, max_drift: 1}"))
    assert "bounds no rewrite" in policy.warnings[0]


def test_a_policy_is_immutable() -> None:
    """A compiled policy can't be changed, neither its fields nor its tables."""
    policy = compiled()
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.rewrite = RewritePlan("off", 1, 1, 1.0, Action.BLOCK)
    with pytest.raises(TypeError):
        policy.plans[Stage.PROMPT] = policy.plan(Stage.IMAGE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another comment\n\n"),
        ("description: for tests", "description: the same, told better"),
        ("owner: tests", "owner: others"),
        ("low: 0.3, medium: 0.6", "medium: 0.6, low: 0.30"),
        ("max_attempts: 1}", "max_attempts: 1, max_drift: 0.65, timeout_ms: 30000, on_failure: block}"),
        (", reason: No hate.}", ", reason: 'No hate.', note: why, date: 2026-01-01, mode: enforce}"),
        ("timeout_ms: 10}", "timeout_ms: 10, on_failure: block}"),
        ("id: one, when: {category: hate, at_least: low}", "when: {at_least: low, category: hate}, id: one"),
        (
            "    rules:\n",
            "    rules:\n      - {id: off, when: {category: hate, at_least: low}, action: hold, mode: off}\n",
        ),
    ],
)
def test_what_decides_nothing_leaves_the_revision(old: str, new: str) -> None:
    """Comments, key order, prose, defaults written out and switched-off rules keep the revision."""
    assert old in TEXT
    assert compiled(TEXT.replace(old, new)).ref == compiled().ref


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: sample", "name: other"),
        ("rewrite: {mode: safety, max_attempts: 1}", "rewrite: {mode: safety, max_attempts: 2}"),
        ("rewrite: {mode: safety, max_attempts: 1}", "rewrite: {mode: enhance, max_attempts: 1}"),
        ("max_attempts: 1}", "max_attempts: 1, timeout_ms: 29999}"),
        ("max_attempts: 1}", "max_attempts: 1, max_drift: 0.64}"),
        ("max_attempts: 1}", "max_attempts: 1, on_failure: hold}"),
        ("low: 0.3", "low: 0.31"),
        ("timeout_ms: 10}", "timeout_ms: 11}"),
        ("until: 2026-06-30", "until: 2026-07-01"),
        (", on_failure: allow, reason: slow, until: 2026-06-30", ""),
        ("id: one", "id: uno"),
        ("category: hate, at_least: low", "category: hate, at_least: medium"),
        ("category: hate, at_least: low", "category: hate, at_least: low, classifier: words"),
        ("when: {category: hate, at_least: low}", "when: {any: [{category: hate, at_least: low}]}"),
        ("reason: No hate.", "reason: No hate!"),
        ("reason: No hate.", "reason: No hate., ref: TS-9"),
        ("action: block", "action: hold"),
        ("action: block", "action: block, mode: shadow, date: 2026-01-01"),
    ],
)
def test_what_decides_or_is_shown_changes_the_revision(old: str, new: str) -> None:
    """Any change of what is decided, waited for or shown is another revision."""
    assert old in TEXT
    assert compiled(TEXT.replace(old, new)).ref.revision != compiled().ref.revision


def test_the_revision_does_not_depend_on_the_classifiers_revisions() -> None:
    """A classifier's new weights are recorded with the classifier, not in the policy's revision."""
    newer = {name: dataclasses.replace(card, revision="2") for name, card in CARDS.items()}
    assert compile_policy(parse_policy(TEXT), newer).ref == compiled().ref


def test_the_revision_is_stable() -> None:
    """The revision of a fixed document is a fixed sha256: records made today stay readable."""
    assert compiled().ref.revision == "497f6891a0eeb2576015c122089f02cad99d2b1da806256343a5a2acf91d16bb"


def test_an_expired_leave_to_fail_open_ends() -> None:
    """After the last day the use fails closed, with a warning; on the last day it still holds."""
    late, last = compiled(today=dt.date(2026, 7, 1)), compiled(today=dt.date(2026, 6, 30))
    assert late.plan(Stage.PROMPT).classifiers[1] == ClassifierUse("model", 20, "block")
    assert "fails closed now" in late.warnings[0]
    assert last.plan(Stage.PROMPT).classifiers[1].on_failure == "allow"
    assert last.warnings == ()
    findings = Findings((), (Failure("model", FailureKind.TIMEOUT),), ("words",))
    assert late.decide(Stage.PROMPT, findings, "d").failed_closed
    assert not last.decide(Stage.PROMPT, findings, "d").failed_closed


def test_skipped_pictures_compile_with_a_warning() -> None:
    """A written skip compiles, and the warning says that pictures are not inspected."""
    text = TEXT[: TEXT.index("  image:")] + "  image: {skip: {reason: pass-through, date: 2026-01-01}}\n"
    policy = compiled(text)
    assert policy.plan(Stage.IMAGE).skipped_reason == "pass-through"
    assert "without being inspected" in policy.warnings[0]


@pytest.mark.parametrize(
    "rule",
    [
        "{id: three, when: {category: sexual, at_least: medium}, action: allow}",
        "{id: three, when: {category: sexual, at_least: low}, action: block, " + SHADOW + "}",
    ],
)
def test_a_stage_where_nothing_binds_compiles_with_a_warning(rule: str) -> None:
    """A stage of shadow or allow rules alone is possible and never silent."""
    text = TEXT[: TEXT.index("    rules: [{id: three")] + f"    rules: [{rule}]\n"
    assert "no rule of the image stage binds" in compiled(text).warnings[0]


def test_an_action_that_the_gateway_lacks_is_refused() -> None:
    """`supported` says what can be carried out; the same document compiles once it can."""
    unable = {**GATEWAY_ACTIONS, Stage.IMAGE: GATEWAY_ACTIONS[Stage.IMAGE] - {Action.REDACT}}
    with pytest.raises(PolicyError, match="can't carry out"):
        compiled(supported=unable)
    assert compiled().rules(Stage.IMAGE)[-1].action is Action.REDACT


def test_drawing_anew_needs_a_number_of_tries_that_counts_in_the_revision() -> None:
    """`regenerate` compiles with `max_regenerations` alone, and another number is another revision."""
    text = TEXT.replace("action: redact", "action: regenerate")
    with pytest.raises(PolicyError, match="max_regenerations is 0"):
        compiled(text)
    once, twice = (compiled(f"max_regenerations: {tries}\n" + text) for tries in (1, 2))
    assert (once.max_regenerations, twice.max_regenerations) == (1, 2)
    assert once.ref.revision != twice.ref.revision


def test_coverage_is_what_the_planned_cards_name() -> None:
    """A category counts only for the classifiers whose cards name it, and unasked ones don't count."""
    image = compiled().coverage[Stage.IMAGE]
    assert image.covered_by("sexual") == ("eyes",)
    assert "sexual/minors" in image.uncovered(["eyes"])
    assert "text-in-picture" in image.uncovered(["eyes"])
    assert image.uncovered([]) == image.relevant
    prompt = compiled().coverage[Stage.PROMPT]
    assert prompt.covered_by("hate") == ("words",)
    assert "sexual" in prompt.uncovered(["words", "model"])


def test_what_a_lock_makes_of_two_families_is_covered_by_those_who_see_them() -> None:
    """`sexual/minors` is looked for where `sexual` and `minor` both are, by whoever sees either."""
    both = stage_coverage(Modality.TEXT, [made_up_card("a", Modality.TEXT, "sexual", "minor")])
    assert both.covered_by("sexual/minors") == ("a",)
    assert "sexual/minors" not in both.uncovered(["a"])
    one = stage_coverage(Modality.TEXT, [made_up_card("a", Modality.TEXT, "sexual")])
    assert one.covered_by("sexual/minors") == ()


def test_a_rule_tells_its_condition_in_words() -> None:
    """A list of rules says when each holds: nested ones with brackets, the locks with their edge."""
    low, high = "category: hate, at_least: low", "category: profanity, at_least: high"
    when = f"{{any: [{{{low}}}, {{all: [{{{high}}}, {{{low}, classifier: words}}]}}]}}"
    rules = compiled(TEXT.replace("{category: hate, at_least: low}", when)).rules(Stage.PROMPT)
    told = {rule.id: rule.when for rule in rules}
    assert told["one"] == "hate at least low or (profanity at least high and hate at least low by words)"
    assert told["locked/sexual-with-minor"] == "sexual and minor at 0.35 or above"


def test_a_classifier_that_reads_text_covers_the_words_in_pictures() -> None:
    """A card with `reads_text` takes `text-in-picture` off the list."""
    reading = {**CARDS, "eyes": dataclasses.replace(CARDS["eyes"], reads_text=True)}
    image = compile_policy(parse_policy(TEXT), reading).coverage[Stage.IMAGE]
    assert image.covered_by("text-in-picture") == ("eyes",)


def test_an_operators_own_category_needs_only_a_classifier() -> None:
    """custom/… is known without an entry, and a rule on its parent counts it."""
    assert compiled().rules(Stage.PROMPT)[-1].id == "two"
    with pytest.raises(PolicyError, match="measures"):
        compiled(TEXT.replace("category: custom/brand,", "category: custom/else,"))


def condition(**parts: object) -> ConditionDocument:
    return ConditionDocument.model_validate(parts)


HATE_LOW = {"category": "hate", "at_least": "low"}
HATE_HIGH = {"category": "hate", "at_least": "high"}
THREAT_LOW = {"category": "hate/threatening", "at_least": "low"}
SEX_LOW = {"category": "sexual", "at_least": "low"}


@pytest.mark.parametrize(
    ("narrow", "wide", "answer"),
    [
        (HATE_HIGH, HATE_LOW, True),
        (HATE_LOW, HATE_HIGH, False),
        (THREAT_LOW, HATE_LOW, True),
        (HATE_LOW, THREAT_LOW, False),
        (HATE_LOW, SEX_LOW, False),
        ({"all": (HATE_LOW, SEX_LOW)}, HATE_LOW, True),
        (HATE_LOW, {"all": (HATE_LOW, SEX_LOW)}, False),
        (HATE_HIGH, {"all": (HATE_LOW, HATE_HIGH)}, True),
        (HATE_LOW, {"any": (HATE_LOW, SEX_LOW)}, True),
        ({"any": (HATE_LOW, SEX_LOW)}, HATE_LOW, False),
        ({"any": (HATE_HIGH, THREAT_LOW)}, HATE_LOW, True),
        ({"all": (HATE_HIGH, SEX_LOW)}, {"any": (SEX_LOW, THREAT_LOW)}, True),
        ({**HATE_LOW, "classifier": "a"}, HATE_LOW, True),
        (HATE_LOW, {**HATE_LOW, "classifier": "a"}, False),
        ({**HATE_LOW, "classifier": "b"}, {**HATE_LOW, "classifier": "a"}, False),
    ],
)
def test_implication_is_certain(narrow: dict[str, object], wide: dict[str, object], answer: bool) -> None:
    """One condition implies another exactly in these shapes."""
    assert implies(condition(**narrow), condition(**wide)) is answer


def test_a_condition_lies_within_a_family_when_it_needs_it() -> None:
    """`any` needs every part inside the family, `all` needs one."""
    inside = {"category": "sexual/minors", "at_least": "low"}
    assert lies_within(condition(all=(inside, HATE_LOW)), "sexual/minors")
    assert not lies_within(condition(any=(inside, HATE_LOW)), "sexual/minors")
    assert not lies_within(condition(**SEX_LOW), "sexual/minors")


def test_an_enforced_rule_is_not_outdone_by_one_on_trial() -> None:
    """A stricter shadow rule leaves the enforced one reachable; the other way round it is refused."""
    enforced = "      - {id: one, when: {category: hate, at_least: low}, action: block, reason: No hate.}\n"
    trial = "      - {id: t, when: {category: hate, at_least: %s}, action: %s, " + SHADOW + "}\n"
    weaker = enforced.replace("action: block", "action: rewrite")
    compiled(TEXT.replace(enforced, weaker + trial % ("low", "block")))
    with pytest.raises(PolicyError, match='"t" can never make a difference'):
        compiled(TEXT.replace(enforced, enforced + trial % ("high", "rewrite")))


def test_a_condition_over_nothing_is_refused_past_the_document() -> None:
    """An empty any or all is refused by the compiler's own code too, not by the form alone."""
    for key in ("any_of", "all_of"):
        hollow = ConditionDocument.model_construct(**{"any_of": None, "all_of": None, key: ()})
        with pytest.raises(ValueError, match="decides nothing"):
            compile_condition(hollow)
