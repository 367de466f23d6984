"""Check: every category is in the taxonomy or an operator's own (`custom/…`)."""

from __future__ import annotations

from collections.abc import Iterator

from classifiers.taxonomy import CATEGORIES, is_known
from policies.checks.context import CheckContext, Problem
from policies.form_errors import nearest


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per category, in bands or conditions, that nobody defined."""
    for category in context.document.bands:
        if category != "default" and not is_known(category):
            yield Problem(("bands", category), _message(category), _hint(category), at_key=True)
    for _stage, path, leaf in context.leaves():
        if leaf.category is not None and not is_known(leaf.category):
            yield Problem((*path, "category"), _message(leaf.category), _hint(leaf.category))


def _message(category: str) -> str:
    return f'unknown category "{category}"'


def _hint(category: str) -> str:
    return nearest(category, CATEGORIES) + " (a category of your own begins with custom/)"
