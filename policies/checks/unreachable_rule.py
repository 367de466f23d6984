"""Check: every rule can make a difference.

A rule is unreachable when another one holds whenever it does and asks for more, or asks for the same and
stands before it. What is reported is certain; not everything certain is found (`policies.implication`).
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.checks.context import CheckContext, Problem
from policies.decision import Action
from policies.document import RuleDocument
from policies.implication import implies


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per rule that is always outdone, naming the rule that outdoes it."""
    for _stage, path, written in context.stages():
        for index, rule in enumerate(written.rules):
            for other_index, other in enumerate(written.rules):
                if index != other_index and _outdone(rule, other, stands_before=other_index < index):
                    yield Problem(
                        (*path, "rules", index, "id"),
                        f'the rule "{rule.id}" can never make a difference: whenever it holds, "{other.id}" '
                        f"holds too and asks for {'the same' if rule.action == other.action else 'more'}",
                        "remove one of the two, or make this one stricter or the other narrower",
                    )
                    break


def _outdone(rule: RuleDocument, other: RuleDocument, *, stands_before: bool) -> bool:
    if "off" in (rule.mode, other.mode) or (rule.mode == "enforce" and other.mode == "shadow"):
        return False  # a rule on trial does not take an enforced one's place
    mine, theirs = Action[rule.action.upper()], Action[other.action.upper()]
    if theirs < mine or (theirs == mine and not stands_before and rule.mode == other.mode):
        return False
    return implies(rule.when, other.when)
