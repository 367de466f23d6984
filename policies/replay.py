"""Stored findings, decided again under another policy: what would have changed?

Duty: compare; the findings come from the record and are not measured again. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from classifiers.signals import FailureKind, Findings
from policies.decision import Action, Decision, Stage
from policies.policy import Policy


@dataclass(frozen=True, slots=True)
class PastDecision:
    """What a record holds of one decision: its id, stage, evidence, and what was done."""

    id: str
    stage: Stage
    findings: Findings
    action: Action


@dataclass(frozen=True, slots=True)
class ReplayedDecision:
    """One decision then and now.

    `unmeasured` names classifiers that the new policy asks and that gave nothing then: the new decision fails
    closed on them, so the pair says nothing about the rules.
    """

    past: PastDecision
    decision: Decision
    unmeasured: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """True when the evidence suffices and the action differs."""
        return not self.unmeasured and self.decision.action is not self.past.action


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """All pairs in the order given, and the stages that the new policy skips, by id."""

    decisions: tuple[ReplayedDecision, ...]
    skipped: tuple[str, ...]

    @property
    def moves(self) -> Mapping[tuple[Action, Action], int]:
        """How many comparable decisions went from one action to another, the unchanged ones included."""
        pairs = ((each.past.action, each.decision.action) for each in self.decisions if not each.unmeasured)
        return Counter(pairs)


def replay(policy: Policy, past: Iterable[PastDecision]) -> ReplayReport:
    """Decide each again under `policy`; the new decisions carry the old ids."""
    decisions: list[ReplayedDecision] = []
    skipped: list[str] = []
    for each in past:
        if policy.plan(each.stage).skipped_reason is not None:
            skipped.append(each.id)
            continue
        decision = policy.decide(each.stage, each.findings, each.id)
        told = {failure.classifier for failure in each.findings.failures}
        unmeasured = tuple(
            failure.classifier
            for failure in decision.findings.failures
            if failure.kind is FailureKind.MISSING and failure.classifier not in told
        )
        decisions.append(ReplayedDecision(each, decision, unmeasured))
    return ReplayReport(tuple(decisions), tuple(skipped))
