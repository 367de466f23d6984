"""Check: a rule's id is unique in the policy, and a classifier is named once a stage."""

from __future__ import annotations

from collections.abc import Iterator

from policies.checks.context import CheckContext, Problem


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per second use; a record that names a rule must mean one rule."""
    seen: set[str] = set()
    for _stage, path, rule in context.rules():
        if rule.id in seen:
            yield Problem((*path, "id"), f'a second rule has the id "{rule.id}"', "give each rule its own id")
        seen.add(rule.id)
    for stage, path, written in context.stages():
        names: set[str] = set()
        for index, use in enumerate(written.classifiers):
            if use.name in names:
                yield Problem(
                    (*path, "classifiers", index, "name"),
                    f'the classifier "{use.name}" is named twice at the {stage.value} stage',
                    "keep one of the two",
                )
            names.add(use.name)
