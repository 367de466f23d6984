"""A compiled policy as plain values, for `--json`.

Duty: which fields a program sees. It compiles nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policies.decision import Stage
    from policies.policy import Policy, RewritePlan


def policy_view(policy: Policy) -> dict[str, object]:
    """Name, revision, owner, and what each stage asks and rules."""
    return {
        "name": policy.ref.name,
        "revision": policy.ref.revision,
        "description": policy.description,
        "owner": policy.owner,
        "rewrite": rewrite_view(policy.rewrite),
        "max_regenerations": policy.max_regenerations,
        "warnings": list(policy.warnings),
        "uncovered_locked": list(policy.uncovered_locked),
        "stages": {stage.value: _stage_view(policy, stage) for stage in policy.plans},
    }


def coverage_view(policy: Policy) -> dict[str, object]:
    """Per stage: who looks for which category, and what nobody looks for."""
    return {
        stage.value: {
            "covered": {
                category: list(seen.covered_by(category))
                for category in seen.relevant
                if seen.covered_by(category)
            },
            "uncovered": list(seen.uncovered(seen.by_classifier)),
        }
        for stage, seen in policy.coverage.items()
    }


def rewrite_view(plan: RewritePlan) -> dict[str, object]:
    """The mode, and what goes with it unless it is off."""
    if plan.mode == "off":
        return {"mode": plan.mode}
    return {
        "mode": plan.mode,
        "max_attempts": plan.max_attempts,
        "timeout_ms": plan.timeout_ms,
        "max_drift": plan.max_drift,
        "on_failure": plan.on_failure.word,
    }


def rewrite_line(plan: RewritePlan) -> str:
    """The same in a few words, for people."""
    if plan.mode == "off":
        return "rewriting off"
    tries = "1 attempt" if plan.max_attempts == 1 else f"{plan.max_attempts} attempts"
    return (
        f"rewriting for {plan.mode}: {tries} of {plan.timeout_ms} ms, drift up to {plan.max_drift:g}, "
        f"then {plan.on_failure.word}"
    )


def _stage_view(policy: Policy, stage: Stage) -> dict[str, object]:
    plan = policy.plan(stage)
    return {
        "skipped": plan.skipped_reason,
        "classifiers": [
            {"name": use.name, "timeout_ms": use.timeout_ms, "on_failure": use.on_failure}
            for use in plan.classifiers
        ],
        "rules": [
            {
                "id": rule.id,
                "action": rule.action.word,
                "mode": rule.mode.value,
                "when": rule.when,
                "reason": rule.reason,
                "locked": rule.locked,
            }
            for rule in policy.rules(stage)
        ],
    }
