"""When does one condition imply another? Used by the checks; sound, not complete.

Duty: answer True only when it is certain for every possible set of scores. A `False` means "not shown".
"""

from __future__ import annotations

from classifiers.taxonomy import is_within
from policies.decision import Severity
from policies.document import ConditionDocument


def implies(narrow: ConditionDocument, wide: ConditionDocument) -> bool:
    """True when `wide` surely holds whenever `narrow` does."""
    if narrow.any_of is not None:
        return all(implies(child, wide) for child in narrow.any_of)
    if wide.all_of is not None:
        return all(implies(narrow, child) for child in wide.all_of)
    if wide.any_of is not None and any(implies(narrow, child) for child in wide.any_of):
        return True
    if narrow.all_of is not None:
        return any(implies(child, wide) for child in narrow.all_of)
    return wide.any_of is None and _leaf_implies(narrow, wide)


def lies_within(condition: ConditionDocument, family: str) -> bool:
    """True when the condition can only hold if something within `family` was measured."""
    if condition.any_of is not None:
        return all(lies_within(child, family) for child in condition.any_of)
    if condition.all_of is not None:
        return any(lies_within(child, family) for child in condition.all_of)
    assert condition.category is not None
    return is_within(condition.category, family)


def _leaf_implies(narrow: ConditionDocument, wide: ConditionDocument) -> bool:
    assert narrow.category is not None
    assert wide.category is not None
    return (
        is_within(narrow.category, wide.category)
        and _level(narrow) >= _level(wide)
        and wide.classifier in (None, narrow.classifier)
    )


def _level(leaf: ConditionDocument) -> int:
    assert leaf.at_least is not None
    return Severity[leaf.at_least.upper()].value
