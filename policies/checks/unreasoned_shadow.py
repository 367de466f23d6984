"""Check: a shadow rule says why it is on trial, and since when."""

from __future__ import annotations

from collections.abc import Iterator

from policies.checks.context import CheckContext, Problem


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per shadow rule without a reason or without a date."""
    for _stage, path, rule in context.rules():
        if rule.mode != "shadow":
            continue
        lacking = [key for key, value in (("reason", rule.reason), ("date", rule.date)) if value is None]
        if lacking:
            yield Problem(
                (*path, "mode"),
                f'the shadow rule "{rule.id}" lacks {" and ".join(lacking)}',
                "a trial without a reason and a date is never ended: write both",
            )
