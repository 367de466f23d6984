"""Golden tests of a policy, written by the people who own it: `NAME_test.yaml` beside `NAME.yaml`.

Duty: run cases of made-up scores and failures through a compiled policy, compare, and name the rules that no
case reaches. No classifier runs; the form is strict like a policy's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from classifiers.protocol import ClassifierCard
from classifiers.signals import Failure, FailureKind, Findings, Modality, Signal
from classifiers.taxonomy import CATEGORIES, is_known
from policies.decision import Decision, Stage
from policies.document import ActionWord, Line, Name
from policies.errors import PolicyError
from policies.form_errors import nearest
from policies.loader import Loaded, parse_document, read_text
from policies.policy import Policy
from policies.yaml_tree import YamlTree

Score: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
FailureWord: TypeAlias = Literal[
    "exception", "timeout", "invalid_output", "worker_dead", "overloaded", "missing"
]
ANY_CLASSIFIER: Final = "test"
"""Stands as the source of a case's `scores`; the policy treats it like any classifier."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ExpectDocument(_Strict):
    """What must come out. What is not written is not compared, but for `rules` and `shadow` when given."""

    action: ActionWord
    verdict: ActionWord | None = None
    rules: tuple[str, ...] | None = Field(None, description="Enforced rules that match, in any order.")
    shadow: tuple[str, ...] | None = None
    reason: Line | None = Field(None, description="A part of the public reason.")
    degraded: bool | None = None
    failed_closed: bool | None = None


class CaseDocument(_Strict):
    """One case: what was measured, what failed, what must follow."""

    name: Line
    stage: Literal["prompt", "prompt-recheck", "image", "input-image"]
    scores: dict[str, Score] = Field(default_factory=dict)
    by_classifier: dict[Name, dict[str, Score]] = Field(default_factory=dict)
    failures: dict[Name, FailureWord] = Field(default_factory=dict)
    carried: dict[str, Score] = Field(
        default_factory=dict, description="What the prompt showed, beside a picture's own scores."
    )
    expect: ExpectDocument


class PolicyTestDocument(_Strict):
    """A whole test file."""

    __test__: ClassVar[bool] = False

    policy: Name
    cases: tuple[CaseDocument, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One case's end: `failures` says what came out instead, empty when it passed; `line` is the case's."""

    name: str
    line: int
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True when everything came out as expected."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a test file showed. `unreached` names the policy's own rules that no case made match."""

    __test__: ClassVar[bool] = False  # not a test class, whatever pytest makes of the name

    file: str
    policy: str
    cases: tuple[CaseReport, ...]
    unreached: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True when every case passed and every rule was reached."""
        return all(case.passed for case in self.cases) and not self.unreached

    def render(self) -> str:
        """Return the failures and the unreached rules as text, one a line, then a summary."""
        rows = [
            f"{self.file}:{case.line}: {case.name}: {failure}"
            for case in self.cases
            for failure in case.failures
        ]
        rows += [f"{self.file}: no case reaches the rule {rule}" for rule in self.unreached]
        passed = sum(case.passed for case in self.cases)
        rows.append(f"{self.policy}: {passed} of {len(self.cases)} cases pass")
        return "\n".join(rows)


def made_up_card(name: str, modality: Modality, *categories: str) -> ClassifierCard:
    """Return a card to compile against where no classifier is installed: in tests of policies."""
    return ClassifierCard(
        name=name,
        kind="made-up",
        revision="test",
        modality=modality,
        categories=frozenset(categories),
        languages=("*",),
        licence="none",
        calibrated=False,
    )


def cases_beside(path: Path) -> Path:
    """Return where a policy file's tests belong: `NAME_test.yaml` in the same folder."""
    return path.with_name(f"{path.stem}_test{path.suffix}")


def run_tests(policy: Policy, path: Path) -> TestReport:
    """Run a test file against a compiled policy.

    Raises:
        PolicyError: the test file can't be read, has a wrong form, or is for another policy.
    """
    return run_test_text(policy, read_text(path), str(path))


def run_test_text(policy: Policy, text: str, file: str) -> TestReport:
    """Like `run_tests`, on text; `file` is the name that messages use.

    Raises:
        PolicyError: wrong form, or for another policy.
    """
    loaded = parse_document(text, file, PolicyTestDocument)
    _refuse_mismatch(policy, loaded)
    reached: set[str] = set()
    reports = []
    for index, case in enumerate(loaded.document.cases):
        decision = policy.decide(Stage(case.stage), _findings(policy, case), f"case-{index}")
        reached.update(hit.rule for hit in (*decision.rules, *decision.shadow))
        line = loaded.tree.values["cases", index].line
        reports.append(CaseReport(case.name, line, tuple(_differences(case.expect, decision))))
    own = [
        rule.id for stage in (Stage.PROMPT, Stage.IMAGE) for rule in policy.rules(stage) if not rule.locked
    ]
    unreached = tuple(rule for rule in own if rule not in reached)
    return TestReport(file, policy.ref.name, tuple(reports), unreached)


def _refuse_mismatch(policy: Policy, loaded: Loaded[PolicyTestDocument]) -> None:
    document, tree = loaded.document, loaded.tree
    if document.policy != policy.ref.name:
        message = f'these tests are for "{document.policy}", the policy is "{policy.ref.name}"'
        raise PolicyError([tree.diagnostic(("policy",), message)])
    for index, case in enumerate(document.cases):
        if policy.plan(Stage(case.stage)).skipped_reason is not None:
            message = f"the policy skips the {case.stage} stage, so nothing decides there"
            raise PolicyError([tree.diagnostic(("cases", index, "stage"), message, "remove the case")])
        _refuse_unknown(policy, case, ("cases", index), tree)


def _refuse_unknown(policy: Policy, case: CaseDocument, path: tuple[str | int, ...], tree: YamlTree) -> None:
    """Refuse a classifier that the stage does not ask, and a category that nobody defined."""
    planned = [use.name for use in policy.plan(Stage(case.stage)).classifiers]
    for key, named in (("by_classifier", case.by_classifier), ("failures", case.failures)):
        for name in named:
            if name not in planned:
                message = f'the {case.stage} stage does not ask a classifier named "{name}"'
                where = (*path, key, name)
                raise PolicyError([tree.diagnostic(where, message, nearest(name, planned), at_key=True)])
    scored: list[tuple[tuple[str, ...], dict[str, float]]]
    scored = [(("scores",), case.scores), (("carried",), case.carried)]
    scored += [(("by_classifier", name), scores) for name, scores in case.by_classifier.items()]
    for place, scores in scored:
        for category in scores:
            if not is_known(category):
                where, hint = (*path, *place, category), nearest(category, CATEGORIES)
                raise PolicyError(
                    [tree.diagnostic(where, f'unknown category "{category}"', hint, at_key=True)]
                )


def _findings(policy: Policy, case: CaseDocument) -> Findings:
    """Every planned classifier looked, but for those that the case says failed."""
    signals = [Signal(category, score, ANY_CLASSIFIER, "test") for category, score in case.scores.items()]
    for name, scores in case.by_classifier.items():
        signals += [Signal(category, score, name, "test") for category, score in scores.items()]
    planned = (use.name for use in policy.plan(Stage(case.stage)).classifiers)
    return Findings(
        signals=tuple(signals),
        failures=tuple(Failure(name, FailureKind(kind)) for name, kind in case.failures.items()),
        inspected_by=tuple(name for name in planned if name not in case.failures),
        carried=tuple(Signal(slug, score, ANY_CLASSIFIER, "test") for slug, score in case.carried.items()),
    )


def _differences(expect: ExpectDocument, decision: Decision) -> list[str]:
    found = []
    for key, wanted, came in (
        ("action", expect.action, decision.action.word),
        ("verdict", expect.verdict, decision.verdict.word),
        ("degraded", expect.degraded, decision.degraded),
        ("failed_closed", expect.failed_closed, decision.failed_closed),
        ("rules", _sorted(expect.rules), _sorted(tuple(hit.rule for hit in decision.rules))),
        ("shadow", _sorted(expect.shadow), _sorted(tuple(hit.rule for hit in decision.shadow))),
    ):
        if wanted is not None and wanted != came:
            found.append(f"{key} is {_shown(came)}, expected {_shown(wanted)}")
    if expect.reason is not None and expect.reason not in decision.public_reason:
        found.append(f'the reason is "{decision.public_reason}", expected "{expect.reason}" in it')
    return found


def _sorted(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(sorted(names))


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
