"""Static checks on a policy: one check a file, each from a context to problems, run in this order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from policies.checks import (
    blind_lock,
    double_names,
    empty_stage,
    illegal_action,
    locked_rule,
    modality_mismatch,
    overlapping_bands,
    review_section,
    rewrite_section,
    uncovered_category,
    unknown_category,
    unknown_classifier,
    unmarked_language,
    unreachable_rule,
    unreasoned_fail_open,
    unreasoned_shadow,
)
from policies.checks.context import CheckContext, Problem

CHECKS: Final[tuple[Callable[[CheckContext], Iterator[Problem]], ...]] = (
    overlapping_bands.check,
    empty_stage.check,
    double_names.check,
    unknown_category.check,
    unknown_classifier.check,
    modality_mismatch.check,
    uncovered_category.check,
    illegal_action.check,
    rewrite_section.check,
    review_section.check,
    unreasoned_shadow.check,
    unreasoned_fail_open.check,
    locked_rule.check,
    blind_lock.check,
    unmarked_language.check,
    unreachable_rule.check,
)
