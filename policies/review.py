"""What a policy says of reviewing: what is kept, where cases go, how long a hold waits, who looks twice.

Duty: pure choices over what was decided. A share is a choice by the request's own id, so that the same
request always falls the same way. Nothing here loosens a decision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from classifiers.taxonomy import is_within
from policies.decision import Action, Decision, RuleHit
from policies.locks import LOCK_PREFIX

HOLD_HOURS: Final = 24
MINORS: Final = "sexual/minors"
MINOR_LOCKS: Final = frozenset({LOCK_PREFIX + "sexual-minors", LOCK_PREFIX + "sexual-with-minor"})
"""What these locks catch is never kept, sampled or labelled."""


@dataclass(frozen=True, slots=True)
class KeepRule:
    """Keep a picture's tile, and of what was withheld the full picture, for `days`.

    Either `rule` or `action` is set. `share` in (0, 1] of the requests that fit.
    """

    rule: str | None
    action: Action | None
    share: float
    days: int


@dataclass(frozen=True, slots=True)
class Route:
    """Cases of a rule, or of a category and all below it, go to `queue`; higher `priority` comes first."""

    rule: str | None
    category: str | None
    queue: str
    priority: int


@dataclass(frozen=True, slots=True)
class ReviewPlan:
    """Everything a policy says of reviewing; the defaults are those of a policy that says nothing."""

    keeps: tuple[KeepRule, ...] = ()
    routes: tuple[Route, ...] = ()
    hold_hours: int = HOLD_HOURS
    second_share: float = 0.0
    second_categories: tuple[str, ...] = ()
    reason_for: tuple[str, ...] = ()

    def route(self, decisions: Iterable[Decision]) -> Route | None:
        """Return the first route in the file's order that a matched rule or its category takes."""
        hits = [hit for decision in decisions for hit in decision.rules]
        return next((route for route in self.routes if any(_takes(route, hit) for hit in hits)), None)

    def kept_for_days(self, decision: Decision, request_id: str) -> int:
        """Return for how many days a picture with this decision is kept; 0: not at all."""
        hits = {hit.rule for hit in decision.rules}
        fitting = (
            keep
            for keep in self.keeps
            if (keep.rule in hits if keep.rule is not None else keep.action is decision.action)
        )
        return max((keep.days for keep in fitting if is_chosen(request_id, keep.share, "keep")), default=0)

    def samples(self, request_id: str) -> bool:
        """Whether an allowed request of this id is one that people look at."""
        shares = (keep.share for keep in self.keeps if keep.action is Action.ALLOW)
        return any(is_chosen(request_id, share, "keep") for share in shares)

    def wants_second(self, decisions: Iterable[Decision], request_id: str) -> bool:
        """Whether a case is judged by a second reviewer, who is blind to the first."""
        categories = {category for decision in decisions for category in decision.categories}
        named = any(is_within(found, wanted) for found in categories for wanted in self.second_categories)
        return named or is_chosen(request_id, self.second_share, "second")


NO_REVIEW_PLAN: Final = ReviewPlan()
"""Of a policy that says nothing."""


def is_chosen(request_id: str, share: float, purpose: str) -> bool:
    """Whether this id is among a share in [0, 1] of all ids; another purpose chooses others."""
    if share <= 0:
        return False
    digest = hashlib.sha256(f"{purpose}|{request_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def concerns_minors(decision: Decision) -> bool:
    """Whether a lock on sexual content with minors caught it, or any rule of that category did."""
    hits = (*decision.rules, *decision.shadow)
    return any(hit.rule in MINOR_LOCKS or (hit.category and is_within(hit.category, MINORS)) for hit in hits)


def _takes(route: Route, hit: RuleHit) -> bool:
    if route.rule is not None:
        return route.rule == hit.rule
    return bool(hit.category) and route.category is not None and is_within(hit.category, route.category)
