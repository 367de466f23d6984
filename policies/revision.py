"""The hash by which a record says what decided.

Duty: one canonical form of a compiled policy. What is in it, and what is not, is the promise of
`PolicyRef.revision`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import rfc8785

from policies.decision import Action, Stage
from policies.document import ConditionDocument, PolicyDocument, RewriteDocument, RuleDocument
from policies.evaluate import DEFAULT_REASONS, Edges
from policies.locks import LOCK_EDGES, LOCKS
from policies.policy import StagePlan
from policies.review import HOLD_HOURS

COMPILED_FORM: Final = 2
"""Version of the canonical form; raise it when the same document begins to decide differently."""


def revision_of(
    document: PolicyDocument, plans: Mapping[Stage, StagePlan], bands: Mapping[str, Edges]
) -> str:
    """Return the sha256, in hex, of the canonical compiled form (RFC 8785): what decides or is shown.

    Comments, key order, description, owner, notes, dates and switched-off rules leave it as it is. The order
    of rules counts, because among equals the first gives the reason. Classifier revisions go on record apart.
    """
    written = {Stage.PROMPT: document.stages.prompt, Stage.IMAGE: document.stages.image}
    form: dict[str, Any] = {
        "form": COMPILED_FORM,
        "name": document.name,
        "rewrite": _rewrite_form(document.rewrite),
        "bands": {slug: list(edges) for slug, edges in bands.items()},
        "locks": {
            lock.id: [list(lock.families), list(LOCK_EDGES), lock.reason, lock.category] for lock in LOCKS
        },
        "stages": {
            stage.value: {
                "skipped": plan.skipped_reason,
                "classifiers": [
                    [use.name, use.timeout_ms, use.on_failure, use.until and use.until.isoformat()]
                    for use in plan.classifiers
                ],
                "rules": [_rule_form(rule) for rule in written[stage].rules if rule.mode != "off"],
            }
            for stage, plan in plans.items()
        },
    }
    if document.max_regenerations:  # left out at its default: the key came later than the form
        form["max_regenerations"] = document.max_regenerations
    if document.review is not None and document.review.hold.hours != HOLD_HOURS:
        form["hold_hours"] = document.review.hold.hours  # then a held request is refused: that decides
    return hashlib.sha256(rfc8785.dumps(form)).hexdigest()


def _rewrite_form(rewrite: RewriteDocument) -> list[object]:
    if rewrite.mode == "off":
        return ["off"]
    return [
        rewrite.mode, rewrite.max_attempts, rewrite.timeout_ms, rewrite.max_drift, rewrite.on_failure
    ]  # fmt: skip


def _rule_form(rule: RuleDocument) -> dict[str, object]:
    return {
        "id": rule.id,
        "when": _condition_form(rule.when),
        "action": rule.action,
        "mode": rule.mode,
        "reason": rule.reason or DEFAULT_REASONS[Action[rule.action.upper()]],
        "ref": rule.ref or "",
    }


def _condition_form(condition: ConditionDocument) -> dict[str, object]:
    if condition.any_of is not None:
        return {"any": [_condition_form(child) for child in condition.any_of]}
    if condition.all_of is not None:
        return {"all": [_condition_form(child) for child in condition.all_of]}
    return {
        "category": condition.category,
        "at_least": condition.at_least,
        "classifier": condition.classifier,
    }
