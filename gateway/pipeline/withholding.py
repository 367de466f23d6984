"""Have held requests kept for a person, and pictures for reviewers, before the outcome is on record.

The order is the safety:
  1. what a lock on minors caught is kept in no form, so nothing of its request can be held
  2. every decision so far is durable: what is kept is encrypted under a key beside the first one's
  3. a hold that can't be kept is a block, and says so
It knows no storage: that is behind `gateway.core.holding`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.core.holding import Holder, HoldRefused, SeenPicture, ToHold
from gateway.core.outcomes import Delivered, Hold, Partial
from gateway.core.ports import Json
from gateway.core.requests import ImageRequest
from gateway.pipeline.delivery import Ready, released_later
from gateway.pipeline.for_review import review_fields
from gateway.pipeline.image_stage import JudgedPicture
from gateway.pipeline.rewrite_stage import Settled
from gateway.pipeline.trail import Trail
from policies.decision import Action, Decision, Stage
from policies.policy import Policy
from policies.review import concerns_minors

_NOT_OF_MINORS: Final = "This can't wait for a person to look at it, so it is blocked."


@dataclass(frozen=True, slots=True)
class Released:
    """A held request that a person released and that goes on now: its ticket, and where it was held.

    `first_record` is that of the request when it came.
    """

    ticket: str
    first_record: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Ending:
    """How one run of a request ends: its policy and trail, the id of its closing record to be."""

    request: ImageRequest
    policy: Policy
    trail: Trail
    closing_id: str
    released: Released | None = None

    def fields(
        self, hold: Hold | None = None, refused: str | None = None, *, lacking: bool = False
    ) -> Mapping[str, Json]:
        """What reviewing adds to the closing record: where it goes, what waits, what could not be kept."""
        more = review_fields(self.policy, self.trail.decisions, self.closing_id)
        if self.released is not None:
            more = {"ticket": self.released.ticket}
        if hold is not None:
            more["hold"] = {"deadline_us": hold.deadline_us}
        if refused is not None:
            more["hold"] = {"refused": refused}
        if lacking:
            more["kept"] = {"refused": "full"}
        return more


@dataclass(frozen=True, slots=True)
class Waiting:
    """What may leave and what waits. `refused` is why held pictures are blocked, if they are; `lacking` says
    that there was no room for what the policy wants kept.
    """

    ready: Ready
    refused: str | None = None
    lacking: bool = False


class Withholding:
    """The last step before a request ends that must wait, or of which reviewers are to see something."""

    def __init__(self, holder: Holder, *, keeps_minors: bool = False) -> None:
        self._holder = holder
        self._keeps_minors = keeps_minors

    async def prompt(self, ending: Ending, decision: Decision) -> Hold:
        """Hold a request of which nothing was drawn.

        Raises:
            HoldRefused: it is to be blocked.
            StorageUnavailable, AuditUnavailable: it can't be kept; nothing is released.
        """
        return await self._hold(ending, decision.stage)

    async def pictures(
        self,
        ending: Ending,
        settled: Settled,
        source: Decision | None,
        judged: Sequence[JudgedPicture],
        ready: Ready,
    ) -> Waiting:
        """Return what may leave and what waits, with what could not be kept.

        Raises:
            StorageUnavailable, AuditUnavailable, Overloaded: it can't be kept; nothing is released.
        """
        held = [one for one in judged if one.decision is not None and one.decision.action is Action.HOLD]
        if not held:
            return Waiting(ready, lacking=not await self._keep(ending, judged))
        later = await released_later(ending.request, held)
        if ending.released is not None:  # what was drawn for a release leaves together, or not at all
            later = tuple(sorted((*ready.images, *later), key=lambda image: image.index))
        withheld = tuple(one for one in ready.withheld if one.action is not Action.HOLD)
        answer = replace(ready, images=later, withheld=withheld).outcome(
            settled.decision, settled.trace, source
        )
        assert isinstance(answer, Delivered | Partial)
        days = ending.policy.review.hold_hours // 24 + 1
        seen = [SeenPicture(one.index, one.pixels, days, True) for one in held if one.pixels is not None]
        try:
            hold = await self._hold(ending, Stage.IMAGE, answer, seen)
        except HoldRefused as refused:
            return Waiting(_blocked(ready, refused.reason), refused=refused.word)
        others = [one for one in judged if one not in held]
        return Waiting(replace(ready, hold=hold), lacking=not await self._keep(ending, others))

    async def _hold(
        self,
        ending: Ending,
        stage: Stage,
        answer: Delivered | Partial | None = None,
        pictures: Sequence[SeenPicture] = (),
    ) -> Hold:
        if self._concerns_minors(ending):  # 1
            raise HoldRefused("minors", _NOT_OF_MINORS)
        await ending.trail.durable()  # 2
        released = ending.released
        return await self._holder.hold(
            ToHold(
                ticket=ending.closing_id if released is None else released.ticket,
                first_record=ending.trail.first_record if released is None else released.first_record,
                request=ending.request,
                stage=stage,
                hours=ending.policy.review.hold_hours,
                answer=answer,
                pictures=pictures,
            )
        )

    async def _keep(self, ending: Ending, judged: Sequence[JudgedPicture]) -> bool:
        """Keep what the policy wants kept; False without room: then it is not, and the record says so."""
        plan = ending.policy.review
        if not plan.keeps or self._concerns_minors(ending):
            return True
        seen = []
        for one in judged:
            if one.decision is None or one.pixels is None:
                continue
            days = plan.kept_for_days(one.decision, ending.closing_id)
            if days:
                withheld = one.decision.action in (Action.BLOCK, Action.REGENERATE)
                seen.append(SeenPicture(one.index, one.pixels, days, withheld))
        if not seen:
            return True
        await ending.trail.durable()
        released = ending.released
        case_id = ending.closing_id if released is None else released.ticket
        first = ending.trail.first_record if released is None else released.first_record
        return await self._holder.keep(case_id, first, ending.request, seen)

    def _concerns_minors(self, ending: Ending) -> bool:
        return not self._keeps_minors and any(concerns_minors(one) for one in ending.trail.decisions)


def _blocked(ready: Ready, reason: str) -> Ready:
    return replace(
        ready,
        withheld=tuple(
            replace(one, reason=reason, blocked=True) if one.action is Action.HOLD else one
            for one in ready.withheld
        ),
    )
