"""A recorded decision as evidence again, so that another policy can be asked what it would have done.

Duty: the public part of a record → `PastDecision`. It decides nothing and opens no database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from classifiers.signals import Failure, FailureKind, Findings, Signal
from policies.decision import Action, Stage
from policies.replay import PastDecision

_JUDGED: Final = frozenset(stage.value for stage in Stage)
_MILLION: Final = 1_000_000


def past_decision(public: Mapping[str, Any]) -> PastDecision | None:
    """Return what `public` says of a judged stage; None for records of anything else."""
    if public.get("type") != "decision" or public.get("stage") not in _JUDGED or "scores" not in public:
        return None
    findings = Findings(
        _signals(public["scores"]) + _signals(public.get("outside", ()), outside=True),
        tuple(
            Failure(failed["classifier"], FailureKind(failed["kind"]), failed["detail"])
            for failed in public["failures"]
        ),
        tuple(public["inspected_by"]),
        _signals(public.get("carried", ())),
    )
    return PastDecision(public["id"], Stage(public["stage"]), findings, Action[public["action"].upper()])


def _signals(scores: Sequence[Sequence[Any]], *, outside: bool = False) -> tuple[Signal, ...]:
    return tuple(
        Signal(category, millionths / _MILLION, classifier, revision, view, outside=outside)
        for classifier, revision, view, category, millionths in scores
    )
