"""Conditions as closures, and the bands under which a category's scores are filed.

Duty: turn a written condition into a function over peaks, once, at load. Monotone by construction: a leaf
asks for *at least* a severity, and `any` and `all` keep that; there is nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from classifiers.taxonomy import is_within
from policies.decision import Severity
from policies.document import ConditionDocument
from policies.evaluate import Condition, Edges, Evidence, Peaks, Route, Routes, classifier_key
from policies.locks import LOCK_EDGES, LOCKED_FAMILIES, Lock, lock_key


def compile_condition(written: ConditionDocument) -> Condition:
    """Return the closure of a written condition."""
    if written.any_of is not None:
        return _any([compile_condition(child) for child in written.any_of])
    if written.all_of is not None:
        return _all([compile_condition(child) for child in written.all_of])
    assert written.at_least is not None
    return _leaf(leaf_key(written), Severity[written.at_least.upper()].value)


def described(written: ConditionDocument) -> str:
    """Return a condition in words: `violence at least high`, joined by "or" and "and"."""
    if written.category is not None:
        asked = f"{written.category} at least {written.at_least}"
        return asked if written.classifier is None else f"{asked} by {written.classifier}"
    children, word = (written.any_of, "or") if written.any_of is not None else (written.all_of or (), "and")
    parts = [described(child) for child in children]
    return f" {word} ".join(
        part if child.category is not None else f"({part})"
        for part, child in zip(parts, children, strict=True)
    )


def leaf_key(leaf: ConditionDocument) -> str:
    """Return the key that a condition on a category reads."""
    assert leaf.category is not None
    return leaf.category if leaf.classifier is None else classifier_key(leaf.category, leaf.classifier)


def compile_lock(lock: Lock) -> Condition:
    """Return the closure of a lock: every family at low, by the locks' own edges; the weakest is evidence."""
    return _all([_leaf(lock_key(family), Severity.LOW.value) for family in lock.families], evident=min)


def routes_of(category: str, bands: Mapping[str, Edges]) -> Routes:
    """Return where a category's scores are filed: by the policy's bands, and by the locks' where one watches.

    A category without bands of its own takes its nearest parent's, then `default`.
    """
    lineage = _lineage(category)
    edges = next((bands[slug] for slug in lineage if slug in bands), bands["default"])
    own: Route = (edges[0], edges, lineage)
    watched = tuple(lock_key(family) for family in LOCKED_FAMILIES if is_within(category, family))
    return (own, (LOCK_EDGES[0], LOCK_EDGES, watched)) if watched else (own,)


def _lineage(category: str) -> tuple[str, ...]:
    """`a/b/c` → (`a/b/c`, `a/b`, `a`): the category, then its parents upwards."""
    parts = category.split("/")
    return tuple("/".join(parts[:length]) for length in range(len(parts), 0, -1))


def _leaf(key: str, level: int) -> Condition:
    def holds(peaks: Peaks) -> Evidence | None:
        peak = peaks.get(key)
        return (peak, level) if peak is not None and peak[0] >= level else None

    return holds


def _any(children: list[Condition]) -> Condition:
    _refuse_empty(children)

    def holds(peaks: Peaks) -> Evidence | None:
        found = [evidence for child in children if (evidence := child(peaks)) is not None]
        return max(found, key=_strength) if found else None

    return holds


def _all(children: list[Condition], evident: Callable[..., Evidence] = max) -> Condition:
    _refuse_empty(children)

    def holds(peaks: Peaks) -> Evidence | None:
        found: list[Evidence] = []
        for child in children:
            evidence = child(peaks)
            if evidence is None:
                return None
            found.append(evidence)
        return evident(found, key=_strength)

    return holds


def _strength(evidence: Evidence) -> tuple[int, float]:
    return evidence[0][:2]


def _refuse_empty(children: list[Condition]) -> None:
    # the document refuses it too; "all of nothing" must not hold even for a caller that skips the document
    if not children:
        raise ValueError("a condition over nothing decides nothing")
