"""The checks of `review` records: each points at a decision made before it. Pure: rows in, findings out.

Duty: an act on nothing, an undo of nothing, or a held request that was settled twice shows in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

ACTS: Final = frozenset(
    {"confirm", "overturn", "release", "refuse", "later", "escalate", "note", "tag", "undo", "settle"}
)
_POINTED_AT: Final = 400


@dataclass(frozen=True, slots=True)
class _Target:
    """What an act must point at: a record before it, of its tenant."""

    index: int
    tenant: str


class ReviewChecks:
    """Collects `review` records one after the other; memory grows with them alone."""

    def __init__(self) -> None:
        self._acts: list[tuple[int, dict[str, Any]]] = []

    def see(self, index: int, public: dict[str, Any]) -> None:
        """Take the next record of any type."""
        if public.get("type") == "review":
            self._acts.append((index, public))

    def faults(self, ask: Callable[[Sequence[str]], Sequence[tuple[str, int, str, str]]]) -> Iterator[str]:
        """Yield what is wrong; `ask` gives (id, index, type, tenant) for ids that the log holds.

        1. The act is one of ours.
        2. The decision it points at is a decision, earlier, and of the same tenant.
        3. An undo names an earlier act on the same case.
        4. A held request is settled once, and released only after an act that releases it.
        """
        known = self._targets(ask)
        acts = {str(public.get("id")): public for _, public in self._acts}
        settled: set[object] = set()
        for index, public in self._acts:
            act, case = public.get("act"), str(public.get("case"))
            if str(act) not in ACTS:  # 1
                yield f"record {index}: its act is none that we know"
                continue
            target = known.get(str(public.get("decision")))
            if target is None or target.index >= index or target.tenant != public.get("tenant"):  # 2
                yield f"record {index}: it points at no earlier decision of its tenant"
            if act == "undo":  # 3
                undone = acts.get(str(public.get("undoes")))
                if undone is None or str(undone.get("case")) != case:
                    yield f"record {index}: it undoes no act on its case"
            if act == "settle":  # 4
                if case in settled:
                    yield f"record {index}: the held request was settled before"
                settled.add(case)
                by = acts.get(str(public.get("by")))
                if public.get("settled") == "released" and (by is None or by.get("act") != "release"):
                    yield f"record {index}: it was released by no act that releases"

    def _targets(
        self, ask: Callable[[Sequence[str]], Sequence[tuple[str, int, str, str]]]
    ) -> dict[str, _Target]:
        ids = list(dict.fromkeys(str(public.get("decision")) for _, public in self._acts))
        found: dict[str, _Target] = {}
        for at in range(0, len(ids), _POINTED_AT):
            for record_id, index, kind, tenant in ask(ids[at : at + _POINTED_AT]):
                if kind == "decision":
                    found[record_id] = _Target(index, tenant)
        return found
