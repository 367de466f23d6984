"""What holds for every policy and all evidence: monotone, shadow is inert, silence blocks, prose is free."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from classifiers.signals import Failure, FailureKind, Findings, Modality, Signal
from classifiers.taxonomy import is_within
from policies import compiler
from policies.checks import CHECKS, unreachable_rule
from policies.compiler import compile_policy
from policies.decision import Action, Decision, Severity, Stage
from policies.errors import PolicyError
from policies.loader import parse_policy
from policies.locks import LOCKS
from policies.policy import Policy
from policies.testing import made_up_card

CATEGORIES = (
    "violence",
    "violence/graphic",
    "hate",
    "hate/threatening",
    "sexual",
    "profanity",
    "minor",
    "custom/brand",
)
# Rules on both families of a lock must block, so drawn rules leave one of them out; evidence of it is drawn.
RULED = tuple(category for category in CATEGORIES if category != "minor")
COMBINED = {lock.id: lock.families for lock in LOCKS if lock.category is not None}
# a busy machine makes single examples slow; how long a decision takes is measured in benchmarks/policy.py
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOURCES = ("words", "model", "extra")
CARDS = {name: made_up_card(name, Modality.TEXT, *CATEGORIES) for name in SOURCES}
LOOKED = ("words", "model", "extra")


@pytest.fixture(autouse=True, scope="module")
def _needless_rules_compile() -> Iterator[None]:
    """Leave one check out: drawn rules often outdo each other, and such policies must behave as well."""
    with pytest.MonkeyPatch.context() as patch:
        kept = tuple(check for check in CHECKS if check is not unreachable_rule.check)
        patch.setattr(compiler, "CHECKS", kept)
        yield


severity_words = st.sampled_from(["low", "medium", "high"])
leaves = st.builds(
    lambda category, at_least, classifier: {
        "category": category,
        "at_least": at_least,
        **({"classifier": classifier} if classifier else {}),
    },
    st.sampled_from(RULED),
    severity_words,
    st.sampled_from([None, None, *SOURCES]),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda key, children: {key: children},
        st.sampled_from(["any", "all"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=5,
)
edges = st.lists(st.integers(0, 20), min_size=3, max_size=3, unique=True).map(
    lambda steps: dict(zip(("low", "medium", "high"), (step / 20 for step in sorted(steps)), strict=True))
)
rules = st.builds(
    lambda when, action, mode: {
        "when": when,
        "action": action,
        "mode": mode,
        "reason": "because",
        "date": "2026-01-01",
    },
    conditions,
    st.sampled_from(["allow", "rewrite", "hold", "block"]),
    st.sampled_from(["enforce", "enforce", "shadow", "off"]),
)
scores = st.integers(0, 20).map(lambda step: step / 20)
signals = st.lists(
    st.builds(
        Signal,
        category=st.sampled_from(
            [*CATEGORIES, "violence/graphic/wounds", "sexual/minors", "real-person", "toxicity"]
        ),
        score=scores,
        classifier=st.sampled_from([*SOURCES, "stranger"]),
        revision=st.just("r"),
        view=st.sampled_from(["original", "normalised"]),
    ),
    max_size=12,
).map(tuple)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A policy document as plain data; JSON is YAML, so its dump is a policy file."""
    drawn = draw(st.lists(rules, min_size=1, max_size=6))
    bands = draw(st.dictionaries(st.sampled_from(CATEGORIES), edges, max_size=3))
    first = {"id": "always", "when": draw(leaves), "action": "hold", "mode": "enforce"}
    uses = [{"name": name, "timeout_ms": 10} for name in SOURCES]
    uses[2] |= {"on_failure": "allow", "reason": "a trial", "until": "2099-01-01"}
    return {
        "name": "drawn",
        "description": "drawn by hypothesis",
        "owner": "tests",
        "rewrite": {"mode": "safety", "max_attempts": 1},
        "bands": {"default": draw(edges), **bands},
        "stages": {
            "prompt": {
                "classifiers": uses,
                "rules": [first, *({"id": f"r{index}", **rule} for index, rule in enumerate(drawn))],
            },
            "image": {"skip": {"reason": "text only", "date": "2026-01-01"}},
        },
    }


def compiled(document: dict[str, Any]) -> Policy:
    return compile_policy(parse_policy(json.dumps(document)), CARDS)


def decide(policy: Policy, evidence: tuple[Signal, ...], *failures: Failure) -> Decision:
    failed = {failure.classifier for failure in failures}
    looked = tuple(name for name in LOOKED if name not in failed)
    return policy.decide(Stage.PROMPT, Findings(evidence, failures, looked), "d")


@patient
@given(documents(), signals, st.data())
def test_raising_a_score_never_loosens(
    document: dict[str, Any], evidence: tuple[Signal, ...], data: st.DataObject
) -> None:
    """Raise a score or add signals: action and verdict become no less strict, no rule falls away."""
    policy = compiled(document)
    before = decide(policy, evidence)
    if evidence and data.draw(st.booleans()):
        index = data.draw(st.integers(0, len(evidence) - 1))
        higher = data.draw(scores.filter(lambda score: score >= evidence[index].score))
        raised = (
            *evidence[:index],
            dataclasses.replace(evidence[index], score=higher),
            *evidence[index + 1 :],
        )
    else:
        raised = evidence + data.draw(signals)
    after = decide(policy, raised)
    assert after.action >= before.action
    assert after.verdict >= before.verdict
    assert {hit.rule for hit in after.rules} >= {hit.rule for hit in before.rules}
    assert all(after.severities[slug] >= severity for slug, severity in before.severities.items())


@patient
@given(documents(), rules, signals)
def test_adding_a_rule_never_loosens(
    document: dict[str, Any], rule: dict[str, Any], evidence: tuple[Signal, ...]
) -> None:
    """One more rule, in any mode: neither action nor verdict becomes less strict."""
    before = decide(compiled(document), evidence)
    document["stages"]["prompt"]["rules"].append({"id": "added", **rule})
    after = decide(compiled(document), evidence)
    assert after.action >= before.action
    assert after.verdict >= before.verdict


@patient
@given(documents(), signals)
def test_shadow_never_changes_the_action(document: dict[str, Any], evidence: tuple[Signal, ...]) -> None:
    """Take all shadow rules away: action, reason, enforced hits and severities stay as they were."""
    with_shadow = decide(compiled(document), evidence)
    written = document["stages"]["prompt"]["rules"]
    document["stages"]["prompt"]["rules"] = [rule for rule in written if rule["mode"] != "shadow"]
    without = decide(compiled(document), evidence)
    assert with_shadow.action is without.action
    assert with_shadow.rules == without.rules
    assert with_shadow.public_reason == without.public_reason
    assert with_shadow.severities == without.severities
    assert with_shadow.verdict >= with_shadow.action
    assert without.verdict is without.action
    assert not without.shadow


@patient
@given(
    documents(), signals, st.sampled_from(["words", "model", "decoder"]), st.sampled_from(list(FailureKind))
)
def test_a_required_failure_never_allows(
    document: dict[str, Any], evidence: tuple[Signal, ...], name: str, kind: FailureKind
) -> None:
    """Whatever else was measured, a failure that the policy does not excuse blocks and says failed_closed."""
    decision = decide(compiled(document), evidence, Failure(name, kind))
    assert decision.action is Action.BLOCK
    assert decision.failed_closed
    assert decision.degraded


@patient
@given(documents(), signals, st.sets(st.sampled_from(LOOKED)))
def test_silence_never_allows(
    document: dict[str, Any], evidence: tuple[Signal, ...], silent: set[str]
) -> None:
    """A planned classifier that neither looked nor failed blocks, unless it may fail open."""
    looked = tuple(name for name in LOOKED if name not in silent)
    decision = compiled(document).decide(Stage.PROMPT, Findings(evidence, (), looked), "d")
    assert decision.degraded is bool(silent)
    assert decision.failed_closed is bool(silent - {"extra"})
    if decision.failed_closed:
        assert decision.action is Action.BLOCK


@patient
@given(documents(), signals)
def test_a_decision_can_be_explained_from_its_hits(
    document: dict[str, Any], evidence: tuple[Signal, ...]
) -> None:
    """The action is the strictest enforced hit's, and each hit's score reaches its threshold."""
    decision = decide(compiled(document), evidence)
    assert decision.action == max((hit.action for hit in decision.rules), default=Action.ALLOW)
    assert decision.verdict == max(
        (hit.action for hit in (*decision.rules, *decision.shadow)), default=Action.ALLOW
    )
    for hit in (*decision.rules, *decision.shadow):
        assert hit.score >= hit.threshold
        assert Severity.LOW <= hit.severity <= decision.severities[hit.category]
        families = COMBINED.get(hit.rule)  # a lock names what they make together
        assert any(
            (s.score, s.classifier) == (hit.score, hit.classifier)
            and (
                s.category == hit.category
                if families is None
                else any(is_within(s.category, family) for family in families)
            )
            for s in evidence
        )
    assert (decision.public_reason == "") is (decision.action is Action.ALLOW)


@patient
@given(documents(), signals, st.randoms(use_true_random=False))
def test_the_order_of_signals_does_not_matter(
    document: dict[str, Any], evidence: tuple[Signal, ...], chance: random.Random
) -> None:
    """Shuffled evidence gives the same action, verdict, severities and rules."""
    policy = compiled(document)
    shuffled = list(evidence)
    chance.shuffle(shuffled)
    one, other = decide(policy, evidence), decide(policy, tuple(shuffled))
    assert (one.action, one.verdict, one.severities) == (other.action, other.verdict, other.severities)
    assert [hit.rule for hit in one.rules] == [hit.rule for hit in other.rules]


def shuffled_keys(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled_keys(value[key], chance) for key in keys}
    return [shuffled_keys(entry, chance) for entry in value] if isinstance(value, list) else value


def as_block_yaml(value: Any, indent: int, chance: random.Random) -> str:
    """Write plain data as block YAML with comments strewn in: another text, the same document."""
    pad = "  " * indent
    rows = []
    entries = value.items() if isinstance(value, dict) else [(None, entry) for entry in value]
    for key, entry in entries:
        if chance.random() < 0.3:
            rows.append(f"{pad}# note {chance.randint(0, 99)}")
        head = f"{pad}-" if key is None else f"{pad}{key}:"
        if isinstance(entry, dict | list):
            rows += [head, as_block_yaml(entry, indent + 1, chance)]
        else:
            rows.append(f"{head} {json.dumps(entry)}{'  # so' if chance.random() < 0.3 else ''}")
    return "\n".join(rows)


@settings(patient, max_examples=50)
@given(documents(), st.randoms(use_true_random=False))
def test_comments_and_key_order_keep_the_revision(document: dict[str, Any], chance: random.Random) -> None:
    """The same document as JSON and as commented block YAML with shuffled keys has one revision."""
    plain = compiled(document)
    text = as_block_yaml(shuffled_keys(document, chance), 0, chance)
    assert compile_policy(parse_policy(text), CARDS).ref == plain.ref


def refused_or_read(text: str) -> None:
    """The loader and the compiler either serve a text or raise PolicyError; anything else is a crash."""
    with contextlib.suppress(PolicyError):
        compile_policy(parse_policy(text), CARDS)


yaml_like = st.text(
    st.sampled_from(list("ab:-?[]{}&*!|>'\"%@`#, \n\t\\0x1.~<=\u00e9\u2028\ud800\ufeff")), max_size=80
)


@settings(patient, max_examples=300)
@given(st.one_of(st.text(max_size=200), yaml_like))
def test_random_text_never_crashes_the_loader(text: str) -> None:
    """Any text at all is either read or refused with a PolicyError."""
    refused_or_read(text)


plain_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, entry in entries:
        found += spots(entry, (*path, key))
    return found


@patient
@given(documents(), plain_values, st.data())
def test_a_damaged_document_never_crashes_the_compiler(
    document: dict[str, Any], value: Any, data: st.DataObject
) -> None:
    """Put anything anywhere into a good policy: it compiles or is refused with a PolicyError."""
    path = data.draw(st.sampled_from(spots(document)))
    assume(path)
    holder: Any = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    refused_or_read(json.dumps(document))
