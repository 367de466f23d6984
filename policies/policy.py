"""A compiled policy: immutable, with a revision, able to plan a stage and to decide.

Duty: what the gateway holds for the length of a request. It knows no YAML and no card.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from classifiers.signals import Findings
from policies.coverage import StageCoverage
from policies.decision import Action, Decision, Mode, PolicyRef, Stage
from policies.evaluate import CompiledStage, evaluate
from policies.review import NO_REVIEW_PLAN, ReviewPlan

_JUDGED_AS: Final = {Stage.PROMPT_RECHECK: Stage.PROMPT, Stage.INPUT_IMAGE: Stage.IMAGE}


@dataclass(frozen=True, slots=True)
class ClassifierUse:
    """One classifier that a stage asks, its time limit, and what its failure means.

    `until` is set on a fail-open use alone: the last day on which it may fail open. Compiled after that day,
    the use fails closed; the gateway has it compiled again when the day is over.
    """

    name: str
    timeout_ms: int
    on_failure: Literal["block", "allow"]
    until: dt.date | None = None


@dataclass(frozen=True, slots=True)
class StagePlan:
    """Which classifiers a stage asks, in the policy's order. Empty only when `skipped_reason` says why."""

    classifiers: tuple[ClassifierUse, ...]
    skipped_reason: str | None = None


@dataclass(frozen=True, slots=True)
class RewritePlan:
    """What may be done with a prompt whose verdict is rewrite; with `enhance`, also with an allowed one.

    `max_attempts` 1..3; `timeout_ms` is one attempt's; `max_drift` in (0, 1]; `on_failure` is `BLOCK` or
    `HOLD`. With `mode` off the others are not read.
    """

    mode: Literal["safety", "enhance", "off"]
    max_attempts: int
    timeout_ms: int
    max_drift: float
    on_failure: Action


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """A rule as people see it in a list: `when` in words; `locked` rules are the compiler's own."""

    id: str
    action: Action
    mode: Mode
    reason: str
    locked: bool
    when: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy ready to decide.

    `max_regenerations` 0..5. `warnings` are the compiler's, as text with file and line. `uncovered_locked`
    names what no configured classifier measures for a locked family, as `stage: category`. `coverage` says
    per stage who looks for what, and with that what nobody looks for. `review` is for people, and decides
    nothing.
    """

    ref: PolicyRef
    description: str
    owner: str
    rewrite: RewritePlan
    max_regenerations: int
    warnings: tuple[str, ...]
    uncovered_locked: tuple[str, ...]
    plans: Mapping[Stage, StagePlan]
    coverage: Mapping[Stage, StageCoverage]
    stages: Mapping[Stage, CompiledStage]
    review: ReviewPlan = NO_REVIEW_PLAN

    @property
    def open_until(self) -> dt.date | None:
        """The last day on which every classifier allowed to fail open may do so; None without one."""
        ends = (use.until for plan in self.plans.values() for use in plan.classifiers)
        return min((end for end in ends if end is not None), default=None)

    def plan(self, stage: Stage) -> StagePlan:
        """Return which classifiers to ask at a stage; a stage under another's rules has that one's plan."""
        return self.plans[_rules_of(stage)]

    def decide(self, stage: Stage, findings: Findings, decision_id: str) -> Decision:
        """Return the decision on a stage's findings. Deterministic, without side effects.

        Raises:
            ValueError: the policy skips this stage, so there is nothing to decide by.
        """
        compiled = self.stages.get(_rules_of(stage))
        if compiled is None:
            raise ValueError(f"policy {self.ref.name} skips the stage {stage.value}; nothing decides there")
        return evaluate(compiled, stage, findings, decision_id, self.ref)

    def bands(self, stage: Stage, category: str) -> tuple[float, float, float] | None:
        """Return where low, medium and high begin for a category; None for a skipped stage."""
        compiled = self.stages.get(_rules_of(stage))
        if compiled is None:
            return None
        _floor, edges, _keys = (compiled.routes.get(category) or compiled.route_of(category))[0]
        return edges

    def rules(self, stage: Stage) -> tuple[RuleSummary, ...]:
        """Return the rules that bind or shadow at a stage, strictest first; empty for a skipped stage."""
        compiled = self.stages.get(_rules_of(stage))
        if compiled is None:
            return ()
        return tuple(RuleSummary(r.id, r.action, r.mode, r.reason, r.locked, r.when) for r in compiled.rules)


def _rules_of(stage: Stage) -> Stage:
    return _JUDGED_AS.get(stage, stage)
