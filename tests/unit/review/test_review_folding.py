"""What acts make of a case, as a table."""

from __future__ import annotations

import pytest

from gateway.review.folding import Done, standing
from gateway.review.types import Act, CaseState


def done(who: str, act: str, to: str | None = None, *, lead: bool = False) -> Done:
    return Done(f"{who}-{act}", Act(act), who, lead, to, 1, 2)


CONFIRM, RELEASE = done("ann", "confirm"), done("ann", "release")


@pytest.mark.parametrize(
    ("acts", "second", "state", "outcome"),
    [
        ([], False, CaseState.OPEN, None),
        ([CONFIRM], False, CaseState.DECIDED, "confirm"),
        ([done("ann", "overturn", "allow")], False, CaseState.DECIDED, "overturn allow"),
        ([done("ann", "note"), done("ann", "tag")], False, CaseState.OPEN, None),
        ([done("ann", "later")], False, CaseState.LATER, None),
        ([done("ann", "later"), CONFIRM], False, CaseState.DECIDED, "confirm"),
        ([done("ann", "escalate")], False, CaseState.LEAD, None),
        ([done("ann", "escalate"), done("ben", "confirm")], False, CaseState.LEAD, None),
        ([done("ann", "escalate"), done("amy", "confirm", lead=True)], False, CaseState.DECIDED, "confirm"),
        ([CONFIRM, done("ben", "later")], False, CaseState.DECIDED, "confirm"),
        ([RELEASE], True, CaseState.SECOND, None),
        ([RELEASE, RELEASE], True, CaseState.SECOND, None),
        ([RELEASE, done("ben", "release")], True, CaseState.DECIDED, "release"),
        ([RELEASE, done("ben", "refuse")], True, CaseState.LEAD, None),
        (
            [RELEASE, done("ben", "refuse"), done("amy", "refuse", lead=True)],
            True,
            CaseState.DECIDED,
            "refuse",
        ),
        ([done("amy", "release", lead=True)], True, CaseState.SECOND, None),
    ],
)
def test_acts_decide_as_the_rules_say(
    acts: list[Done], second: bool, state: CaseState, outcome: str | None
) -> None:
    """One reviewer, two who agree or not, and a lead."""
    now = standing(acts, wants_second=second)
    assert (now.state, now.outcome) == (state, outcome)
