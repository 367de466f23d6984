"""Check: no language is taken for covered that none of the stage's trained classifiers knows.

A decision on text in such a language would rest on nothing, and not even be marked as degraded.
"""

from __future__ import annotations

from collections.abc import Iterator

from classifiers.protocol import covered_languages
from policies.checks.context import CheckContext, Problem
from policies.decision import Stage


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per language classifier that leaves languages unmarked which nobody covers.

    Where a stage asks no trained classifier at all, no language is covered, and there is nothing to compare.
    """
    for stage, path, written in context.stages():
        if stage is not Stage.PROMPT or context.has_unknown_classifier(stage):
            continue
        covered = covered_languages(context.cards_at(stage))
        if not covered:
            continue  # None: one of them knows any language
        for index, use in enumerate(written.classifiers):
            blind = sorted(context.cards[use.name].unmarked - covered)
            if blind:
                yield Problem(
                    (*path, "classifiers", index, "name"),
                    f"{use.name} takes for covered what no trained classifier of this stage knows: "
                    f"{', '.join(blind)}",
                    f"set its option covered to languages that these know: {', '.join(sorted(covered))}",
                )
