"""Check: every classifier that a stage names is configured."""

from __future__ import annotations

from collections.abc import Iterator

from policies.checks.context import CheckContext, Problem
from policies.form_errors import nearest


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per name without a card, and per filter on a classifier that the stage does not ask."""
    for _stage, path, written in context.stages():
        for index, use in enumerate(written.classifiers):
            if use.name not in context.cards:
                hint = nearest(use.name, context.cards) if context.cards else "no classifier is configured"
                where = (*path, "classifiers", index, "name")
                yield Problem(where, f'no classifier named "{use.name}" is configured', hint)
    for stage, path, leaf in context.leaves():
        written = context.document.stages.prompt if stage.value == "prompt" else context.document.stages.image
        names = {use.name for use in written.classifiers}
        if leaf.classifier is not None and leaf.classifier not in names:
            yield Problem(
                (*path, "classifier"),
                f'the {stage.value} stage does not ask a classifier named "{leaf.classifier}"',
                nearest(leaf.classifier, names) if names else "name it under classifiers",
            )
