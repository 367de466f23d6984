"""Check: an action makes sense at its stage, and this gateway can carry it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from policies.checks.context import CheckContext, Problem
from policies.decision import Action, Stage

LEGAL_ACTIONS: Final[Mapping[Stage, frozenset[Action]]] = {
    Stage.PROMPT: frozenset({Action.ALLOW, Action.REWRITE, Action.HOLD, Action.BLOCK}),
    Stage.IMAGE: frozenset({Action.ALLOW, Action.REDACT, Action.REGENERATE, Action.HOLD, Action.BLOCK}),
}


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per action that is impossible at the stage, not supported, or out of tries."""
    for stage, path, rule in context.rules():
        action = Action[rule.action.upper()]
        where = (*path, "action")
        possible = LEGAL_ACTIONS[stage] & context.supported[stage]
        listed = ", ".join(each.word for each in sorted(possible))
        if action not in LEGAL_ACTIONS[stage]:
            message = f'"{rule.action}" makes no sense at the {stage.value} stage'
            yield Problem(where, message, f"possible here: {listed}")
        elif action not in possible:
            yield Problem(
                where,
                f'this gateway can\'t carry out "{rule.action}" at the {stage.value} stage',
                f"possible here: {listed}",
            )
        elif action is Action.REGENERATE and context.document.max_regenerations == 0:
            yield Problem(
                where,
                'a rule asks for "regenerate", and max_regenerations is 0',
                "set max_regenerations to 1 to 5, or use block",
            )
