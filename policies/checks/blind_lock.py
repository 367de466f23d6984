"""Check: where sexual content is measured in a prompt, cues for a minor are too, and may not fail open.

The lock on sexual content with minors holds on both together: a stage that measures the one and not the other
has lost it, without a word of the policy saying so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from classifiers.protocol import ClassifierCard
from policies.checks.context import CheckContext, Problem
from policies.checks.uncovered_category import covers
from policies.checks.unreasoned_fail_open import is_expired
from policies.decision import Stage

_MEASURED: Final = "sexual"
_NEEDED: Final = "minor"


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per prompt stage whose lock on sexual content with minors could not hold."""
    for stage, path, written in context.stages():
        cards = context.cards_at(stage)
        if stage is not Stage.PROMPT or context.has_unknown_classifier(stage) or not covers(cards, _MEASURED):
            continue
        able = {card.name for card in cards if covers([card], _NEEDED)}
        if not able:
            yield Problem(
                (*path, "classifiers"),
                f'this stage measures "{_MEASURED}" but not "{_NEEDED}", so the lock on sexual content with '
                "minors could not hold",
                _hint(context),
                at_key=True,
            )
        elif all(
            use.on_failure == "allow" and not is_expired(context, use)
            for use in written.classifiers
            if use.name in able
        ):
            index = next(at for at, use in enumerate(written.classifiers) if use.name in able)
            yield Problem(
                (*path, "classifiers", index, "on_failure"),
                f'what measures "{_NEEDED}" may fail open, and the lock on sexual content with minors too',
                "let it fail closed: remove on_failure, reason and until",
            )


def _hint(context: CheckContext) -> str:
    def able(card: ClassifierCard) -> bool:
        return covers([card], _NEEDED)

    names = sorted(name for name, card in context.cards.items() if able(card))
    if names:
        return f"add a classifier that measures it: {', '.join(names)}"
    return "configure a classifier of the type minor-cues and name it here"
