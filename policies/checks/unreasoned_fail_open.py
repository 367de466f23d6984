"""Check: a classifier that may fail open says why and until when, and at least one at the stage may not."""

from __future__ import annotations

from collections.abc import Iterator

from policies.checks.context import CheckContext, Problem
from policies.document import ClassifierUseDocument
from policies.yaml_tree import YamlPath


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per fail-open without reason or end, expired (a warning), or with no one beside it."""
    for stage, path, written in context.stages():
        for index, use in enumerate(written.classifiers):
            yield from _use(context, (*path, "classifiers", index), use)
        if written.classifiers and all(use.on_failure == "allow" for use in written.classifiers):
            yield Problem(
                (*path, "classifiers"),
                f"every classifier of the {stage.value} stage fails open: with all down, nothing is checked",
                "let at least one have on_failure: block",
                at_key=True,
            )


def _use(context: CheckContext, path: YamlPath, use: ClassifierUseDocument) -> Iterator[Problem]:
    given = {"reason": use.reason, "until": use.until}
    if use.on_failure == "block":
        for key in (key for key, value in given.items() if value is not None):
            message = f'"{key}" belongs to on_failure: allow, and "{use.name}" fails closed'
            yield Problem((*path, key), message, "remove the key", at_key=True)
        return
    lacking = [key for key, value in given.items() if value is None]
    if lacking:
        yield Problem(
            (*path, "on_failure"),
            f'"{use.name}" may fail open and lacks {" and ".join(lacking)}',
            "write a reason, and the last day (until: YYYY-MM-DD)",
        )
    elif is_expired(context, use):
        yield Problem(
            (*path, "until"),
            f'the leave of "{use.name}" to fail open has ended; it fails closed now',
            "renew it with a new date, or remove on_failure, reason and until",
            warning=True,
        )


def is_expired(context: CheckContext, use: ClassifierUseDocument) -> bool:
    """True when the day is known and lies after the last day of a fail-open."""
    return use.until is not None and context.today is not None and use.until < context.today
