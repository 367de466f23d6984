"""Check: nothing in the policy reads as if it loosened a locked family."""

from __future__ import annotations

from collections.abc import Iterator

from policies.checks.context import CheckContext, Problem
from policies.document import RuleDocument
from policies.evaluate import FAILURE_PREFIX
from policies.implication import lies_within
from policies.locks import LOCK_EDGES, LOCK_PREFIX, LOCKS, Lock
from policies.yaml_tree import YamlPath


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per rule inside a locked family that does not block, and per reserved id.

    The locks hold in any case (`policies.locks`); a file that says otherwise would mislead its readers.
    """
    for _stage, path, rule in context.rules():
        if rule.id.startswith((LOCK_PREFIX, FAILURE_PREFIX)):
            yield Problem(
                (*path, "id"),
                f'ids beginning with "{LOCK_PREFIX}" or "{FAILURE_PREFIX}" are the gateway\'s own',
                "locked rules are always present and can't be changed: choose another id",
            )
        for lock in LOCKS:
            if all(lies_within(rule.when, family) for family in lock.families):
                yield from _loosened(path, rule, lock)
    bands = context.document.bands.get("sexual/minors")
    if bands is not None and bands.low > LOCK_EDGES[0]:
        yield Problem(
            ("bands", "sexual/minors", "low"),
            f"sexual/minors is locked: its low edge can't lie above {LOCK_EDGES[0]:g}",
            "lower it, or remove these bands",
        )


def _loosened(path: YamlPath, rule: RuleDocument, lock: Lock) -> Iterator[Problem]:
    family = " with ".join(lock.families)
    hint = f"remove the rule; {lock.id} blocks it in every policy"
    if rule.mode != "enforce":
        yield Problem((*path, "mode"), f"{family} is locked and can't be set to {rule.mode}", hint)
    elif rule.action != "block":
        yield Problem((*path, "action"), f"{family} is locked: {rule.action} would loosen it", hint)
