"""Check: a rule asks only for what some classifier of its stage measures.

A rule on a category that nobody measures never matches, and looks like protection all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from classifiers.protocol import ClassifierCard
from classifiers.taxonomy import is_known, is_within
from policies.checks.context import CheckContext, Problem


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per condition whose category, with all below it, no asked classifier covers."""
    for stage, path, leaf in context.leaves():
        category = leaf.category
        if category is None or not is_known(category) or context.has_unknown_classifier(stage):
            continue  # reported by another check; saying it twice helps nobody
        cards = context.cards_at(stage)
        if leaf.classifier is not None:
            cards = [card for card in cards if card.name == leaf.classifier]
        if cards and not covers(cards, category):
            asked = ", ".join(card.name for card in cards)
            yield Problem(
                (*path, "category"),
                f'no classifier of the {stage.value} stage measures "{category}" (asked: {asked})',
                _hint(context, category),
            )


def covers(cards: list[ClassifierCard], category: str) -> bool:
    """True when some card lists the category or one below it."""
    return any(is_within(covered, category) for card in cards for covered in card.categories)


def _hint(context: CheckContext, category: str) -> str:
    able = sorted(name for name, card in context.cards.items() if covers([card], category))
    if able:
        return f"measured by: {', '.join(able)}; add one that fits this stage, or remove the rule"
    return "no configured classifier measures it: configure one, or remove the rule"
