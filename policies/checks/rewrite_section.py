"""Check: the rewrite section and the rules say the same, and nothing in it is written in vain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.checks.context import CheckContext, Problem

_PATH: Final = ("rewrite",)


def check(context: CheckContext) -> Iterator[Problem]:
    """Yield a problem per rule or key that a switched-off rewrite makes idle; warn of an idle bound."""
    written = context.document.rewrite
    if written.mode == "off":
        for key in sorted(written.model_fields_set - {"mode"}):
            yield Problem(
                (*_PATH, key),
                f'"{key}" does nothing while the mode of rewrite is off',
                "remove the key, or write mode: safety",
                at_key=True,
            )
        for _stage, path, rule in context.rules():
            if rule.action == "rewrite":
                yield Problem(
                    (*path, "action"),
                    'a rule asks for "rewrite", and the mode of rewrite is off',
                    "write rewrite: {mode: safety}, or use block",
                )
    elif written.max_drift == 1:
        yield Problem(
            (*_PATH, "max_drift"),
            "max_drift 1 bounds no rewrite: hardly any two texts lie further apart",
            "lower it; 0.65 is the default",
            warning=True,
        )
