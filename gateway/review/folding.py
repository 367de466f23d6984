"""A case's acts in order → where the case stands. Pure: the same acts always give the same state.

Duty: the rules of two reviewers and of leads.
1. An undone act never was.
2. The first deciding act decides, unless the case wants a second reviewer.
3. The second reviewer decides with the first when they agree; else a lead does, whose word is the last.
4. Who escalates asks for a lead. `later` puts the case behind the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.review.types import Act, CaseState


@dataclass(frozen=True, slots=True)
class Done:
    """One act that counts: by whom, whether a lead, what, and when its effect leaves (µs)."""

    id: str
    act: Act
    reviewer: str
    lead: bool
    to: str | None
    time_us: int
    effective_us: int

    @property
    def answer(self) -> str:
        """What it says of the decision, in one word or two."""
        return f"overturn {self.to}" if self.act is Act.OVERTURN else self.act.value


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a case stands; `decided` is the act that settled it, `outcome` its answer."""

    state: CaseState
    decided: Done | None = None

    @property
    def outcome(self) -> str | None:
        """What was decided."""
        return None if self.decided is None else self.decided.answer


def standing(acts: Sequence[Done], *, wants_second: bool) -> Standing:
    """Return where the case stands after these acts, undone ones left out before."""
    now = Standing(CaseState.OPEN)
    first: Done | None = None
    for done in acts:
        if done.act is Act.ESCALATE and now.state is not CaseState.DECIDED:
            now = Standing(CaseState.LEAD)
        elif done.act is Act.LATER and now.state in (CaseState.OPEN, CaseState.LATER):
            now = Standing(CaseState.LATER)
        elif done.act.decides and now.state is not CaseState.DECIDED:
            now = _decided(now, first, done, wants_second=wants_second)
            first = first or done
    return now


def _decided(now: Standing, first: Done | None, done: Done, *, wants_second: bool) -> Standing:
    if done.lead and (now.state is CaseState.LEAD or not wants_second):
        return Standing(CaseState.DECIDED, done)
    if now.state is CaseState.LEAD:
        return now
    if not wants_second:
        return Standing(CaseState.DECIDED, done)
    if first is None:
        return Standing(CaseState.SECOND)
    if first.reviewer == done.reviewer:
        return now  # one person's second word is no second reviewer's
    return Standing(CaseState.DECIDED, done) if first.answer == done.answer else Standing(CaseState.LEAD)
