"""Check: what is said of reviewing names known rules and categories, and keeps nothing of minors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from classifiers.taxonomy import CATEGORIES, is_known
from policies.checks.context import CheckContext, Problem
from policies.form_errors import nearest
from policies.locks import LOCKS
from policies.review import MINOR_LOCKS
from policies.yaml_tree import YamlPath

_ROUTES: Final = ("review", "queues")


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per unknown rule or category, and per rule whose pictures are never kept."""
    written = context.document
    known = {rule.id for _stage, _path, rule in context.rules()} | {lock.id for lock in LOCKS}
    for index, keep in enumerate(written.keep_for_review):
        path: YamlPath = ("keep_for_review", index, "rule")
        if keep.rule in MINOR_LOCKS:
            yield Problem(
                path,
                f'what "{keep.rule}" catches is never kept',
                "remove the entry; its cases open without a picture, in a queue of their own",
            )
        elif keep.rule is not None:
            yield from _unknown_rule(path, keep.rule, known)
    if written.review is None:
        return
    for index, route in enumerate(written.review.queues):
        if route.rule is not None:
            yield from _unknown_rule((*_ROUTES, index, "rule"), route.rule, known)
        if route.category is not None:
            yield from _unknown_category((*_ROUTES, index, "category"), route.category)
    for index, category in enumerate(written.review.second_reviewer.categories):
        yield from _unknown_category(("review", "second_reviewer", "categories", index), category)


def _unknown_rule(path: YamlPath, rule: str, known: set[str]) -> Iterator[Problem]:
    if rule not in known:
        yield Problem(path, f'there is no rule "{rule}"', nearest(rule, sorted(known)))


def _unknown_category(path: YamlPath, category: str) -> Iterator[Problem]:
    if not is_known(category):
        hint = nearest(category, CATEGORIES) + " (a category of your own begins with custom/)"
        yield Problem(path, f'unknown category "{category}"', hint)
