"""Check: a stage judges with at least one classifier and one rule, or says in writing that it does not."""

from __future__ import annotations

from collections.abc import Iterator

from policies.checks.context import CheckContext, Problem
from policies.decision import Stage
from policies.document import StageDocument
from policies.yaml_tree import YamlPath


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per stage that would let everything through, or that both judges and skips."""
    for stage, path, written in context.stages():
        if written.skip is not None:
            yield from _skipped(stage, path, written)
        else:
            yield from _judged(stage, path, written)


def _skipped(stage: Stage, path: YamlPath, written: StageDocument) -> Iterator[Problem]:
    if stage is Stage.PROMPT:
        yield Problem((*path, "skip"), "the prompt stage can't be skipped", "name its classifiers and rules")
    elif written.classifiers or written.rules:
        yield Problem(
            (*path, "skip"),
            "the image stage is skipped and has classifiers or rules all the same",
            "keep either skip, or classifiers and rules",
        )
    else:
        yield Problem(
            (*path, "skip"),
            "pictures are delivered without being inspected",
            "coverage will say 0 inspected, and the locked rules watch the prompt only",
            warning=True,
        )


def _judged(stage: Stage, path: YamlPath, written: StageDocument) -> Iterator[Problem]:
    modes = {rule.mode for rule in written.rules}
    instead = "" if stage is Stage.PROMPT else ", or write skip with a reason and a date"
    if not written.classifiers:
        yield Problem(path, f"the {stage.value} stage has no classifier", f"name at least one{instead}")
    if not modes - {"off"}:
        yield Problem(
            path,
            f"the {stage.value} stage has no rule that is on, so it would let everything through",
            f"write at least one rule{instead}",
        )
    elif not any(rule.mode == "enforce" and rule.action != "allow" for rule in written.rules):
        yield Problem(
            path,
            f"no rule of the {stage.value} stage binds, apart from the locked ones",
            "enforce a rule that asks for more than allow",
            warning=True,
        )
