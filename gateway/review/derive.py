"""One request's records → the row, marks and case that reviewers find it by. Pure: nothing but the records.

Duty: what is derived here can be derived again at any time. Where a case goes and whether it is a sample
stands in the closing record (`review`), since the policy that said so may be gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from classifiers.taxonomy import is_within
from gateway.review.types import GENERAL_QUEUE, MINORS_QUEUE, Ground
from policies.decision import Action
from policies.review import MINOR_LOCKS, MINORS

_NO_CASE: Final = frozenset({"error", "cancelled"})
_SPREAD: Final = 700_000
"""Two classifiers of one stage disagree when their scores for one category lie this far apart, millionths."""
Public = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DerivedCase:
    """Where a case goes, why, and what of it is known from the start."""

    queue: str
    ground: Ground
    priority: int
    deadline_us: int | None
    wants_second: bool


@dataclass(frozen=True, slots=True)
class Derived:
    """A request's row in the order of the table's columns, its marks, and its case, if it is one."""

    row: tuple[object, ...]
    marks: tuple[tuple[str, str], ...]
    case: DerivedCase | None
    minors: bool


def derive(index: int, closing: Public, members: Sequence[Public]) -> Derived | None:
    """Return what the closing record at `index` and the records that it names say; None: nobody decided."""
    judged = [record for record in members if "verdict" in record and not _is_preview(record)]
    if not judged or closing.get("outcome") in _NO_CASE:
        return None
    deciding = max(enumerate(judged), key=lambda each: (_strictness(each[1]["action"]), each[0]))[1]
    minors = any(_is_minors(hit) for record in judged for hit in (*record["rules"], *record["shadow"]))
    rewritten = any(_is_rewrite(record) for record in members)
    action = "rewrite" if closing["action"] == "allow" and rewritten else str(closing["action"])
    verdict = max((record["verdict"] for record in judged), key=_strictness)
    request, drawn = closing["request"], next((r for r in members if r.get("stage") == "generate"), {})
    models: Sequence[Public] = drawn.get("models") or ()
    degraded = any(record["degraded"] for record in judged)
    row = (
        closing["id"],
        index,
        closing["time_us"],
        closing["tenant"],
        request["id"],
        request["surface"],
        closing["outcome"],
        deciding["stage"],
        action,
        verdict,
        int(degraded),
        deciding["policy"]["name"],
        deciding["policy"]["revision"],
        models[0]["name"] if models else "",
        closing["images"]["total"],
        closing["latency_us"],
        deciding["id"],
        next(iter(closing["records"]), deciding["id"]),
        int(minors),
    )
    marks = tuple(dict.fromkeys(_marks(judged, models, closing)))
    return Derived(row, marks, _case(closing, judged, action, degraded=degraded, minors=minors), minors)


def _case(
    closing: Public, judged: Sequence[Public], action: str, *, degraded: bool, minors: bool
) -> DerivedCase | None:
    told, hold = closing.get("review") or {}, closing.get("hold") or {}
    ground = _ground(
        judged, action, held="deadline_us" in hold, degraded=degraded, sampled=bool(told.get("sampled"))
    )
    if ground is None:
        return None
    return DerivedCase(
        queue=MINORS_QUEUE if minors else str(told.get("queue") or GENERAL_QUEUE),
        ground=ground,
        priority=int(told.get("priority") or 0),
        deadline_us=hold.get("deadline_us"),
        wants_second=bool(told.get("second")) and not minors,
    )


def _ground(  # noqa: PLR0911 - one return a ground, in their order
    judged: Sequence[Public], action: str, *, held: bool, degraded: bool, sampled: bool
) -> Ground | None:
    if held:
        return Ground.HELD
    if action in {"block", "hold"}:
        return Ground.BLOCKED
    if action == "rewrite":
        return Ground.REWRITTEN
    if action in {"redact", "regenerate"}:
        return Ground.REDACTED
    if degraded:
        return Ground.DEGRADED
    if sampled:
        return Ground.SAMPLED
    if any(disagree(record) for record in judged):
        return Ground.DISAGREEMENT
    return Ground.SHADOW if any(record["shadow"] for record in judged) else None


def disagree(record: Public) -> bool:
    """Whether two classifiers scored one category of one stage far apart, as it was written."""
    scores: dict[str, dict[str, int]] = {}
    for classifier, _revision, _view, category, millionths in record.get("scores", ()):
        by = scores.setdefault(category, {})
        by[classifier] = max(by.get(classifier, 0), millionths)
    return any(len(by) > 1 and max(by.values()) - min(by.values()) >= _SPREAD for by in scores.values())


def _marks(judged: Sequence[Public], models: Sequence[Public], closing: Public) -> Iterator[tuple[str, str]]:
    for record in judged:
        yield "stage", record["stage"]
        for hit in record["rules"]:
            yield "rule", hit["id"]
            if hit["category"] and hit["action"] != "allow":
                yield "category", hit["category"]
        for hit in record["shadow"]:
            yield "shadow", hit["id"]
    for model in models:
        yield "model", model["name"]
    for out in closing.get("out") or ():
        if "perceptual_hash" in out:
            yield "likeness", out["perceptual_hash"]


def _strictness(word: str) -> int:
    return Action[word.upper()].value


def _is_preview(record: Public) -> bool:
    place = record.get("image")
    return isinstance(place, Mapping) and bool(place.get("preview"))


def _is_rewrite(record: Public) -> bool:
    return record.get("stage") == "rewrite" and record.get("mode") == "safety" and "error" not in record


def _is_minors(hit: Public) -> bool:
    category = hit.get("category") or ""
    return hit["id"] in MINOR_LOCKS or bool(category and is_within(category, MINORS))
