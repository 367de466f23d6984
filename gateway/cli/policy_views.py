"""A compiled policy as plain values, for `--json`.

Duty: which fields a program sees. It compiles nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policies.decision import Stage
    from policies.policy import Policy


def policy_view(policy: Policy) -> dict[str, object]:
    """Name, revision, owner, and what each stage asks and rules."""
    return {
        "name": policy.ref.name,
        "revision": policy.ref.revision,
        "description": policy.description,
        "owner": policy.owner,
        "max_rewrites": policy.max_rewrites,
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
                "reason": rule.reason,
                "locked": rule.locked,
            }
            for rule in policy.rules(stage)
        ],
    }
