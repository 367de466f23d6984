"""One request, from prompt to pictures. The whole path is on this screen; each step is one call.

The order is the safety:
  1. judge what came: picture, then prompt    classifiers measure → policy decides → recorded
  2. rewrite it, then judge the rewrite       by the same policy; a failed or offending rewrite blocks
  3. draw                                     previews are judged before they are shown
  4. judge every picture                      what policy wants regenerated is drawn and judged again
  5. keep what must wait for a person         what can't be kept is blocked
  6. deliver what was allowed                 nothing leaves before its records are durable
It knows no HTTP, no model and no storage: those are behind `gateway.core.ports`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from classifiers.waiting import turn
from gateway.audit.record import new_id
from gateway.core.errors import StageTimeout
from gateway.core.holding import Holder, HoldRefused
from gateway.core.outcomes import Blocked, Delivered, Held, Keep, Outcome, Partial, StreamEvent
from gateway.core.policies_in_force import PoliciesInForce
from gateway.core.ports import AuditLog, ImageGenerator
from gateway.core.requests import ImageRequest
from gateway.pipeline.delivery import prepare
from gateway.pipeline.drawing import Drawing
from gateway.pipeline.image_stage import ImageStage
from gateway.pipeline.input_stage import InputStage
from gateway.pipeline.judge import Judge
from gateway.pipeline.previews import Previews
from gateway.pipeline.rewrite_stage import RewriteStage, Settled
from gateway.pipeline.trail import Observer, Trail
from gateway.pipeline.withholding import Ending, Released, Withholding
from policies.decision import Action, Stage
from policies.locks import carried_from

RELEASE: Final = "release"
"""The surface of a held request that goes on."""
Emit: TypeAlias = Callable[[StreamEvent], Awaitable[None]]


class Pipeline:
    """Runs requests; holds no state of its own between them."""

    def __init__(
        self,
        *,
        judge: Judge,
        rewriting: RewriteStage,
        generators: Mapping[str, ImageGenerator],
        policies: PoliciesInForce,
        log: AuditLog,
        observer: Observer,
        holder: Holder,
        keeps_minors: bool = False,
    ) -> None:
        self._judge = judge
        self._input = InputStage(judge)
        self._rewriting = rewriting
        self._drawing = Drawing(generators)
        self._images = ImageStage(judge, self._drawing)
        self._policies = policies
        self._log = log
        self._observer = observer
        self._holder = holder
        self._withholding = Withholding(holder, keeps_minors=keeps_minors)

    async def run(self, request: ImageRequest, emit: Emit | None = None, keep: Keep | None = None) -> Outcome:
        """Return what the client receives; `emit` gets progress and judged previews on the way.

        `keep` stores the pictures that leave by another way than the answer itself.

        Raises:
            GatewayError: nothing was released; the trail is closed with the error.
        """
        async with self._trail(request, request.surface) as trail:
            return await self._in_time(request, trail, emit, keep, None)

    async def release(self, request: ImageRequest, released: Released) -> Outcome:
        """Go on with a held request that a person released; nothing of it leaves by this call.

        What was drawn is kept under the ticket before it is on record. It is judged by the policy as it is
        now: a prompt that is blocked by now, and pictures that are, stay so; what is held again waits again.

        Raises:
            GatewayError: as `run`; it may be tried again.
        """
        async with self._trail(request, RELEASE) as trail:
            return await self._in_time(request, trail, None, None, released)

    def _trail(self, request: ImageRequest, surface: str) -> Trail:
        return Trail(
            self._log,
            request_id=request.id,
            caller=request.caller,
            surface=surface,
            observer=self._observer,
        )

    async def _in_time(
        self,
        request: ImageRequest,
        trail: Trail,
        emit: Emit | None,
        keep: Keep | None,
        released: Released | None,
    ) -> Outcome:
        try:
            async with asyncio.timeout(request.deadline_s):
                ending = Ending(request, self._policies.get(request.caller.policy), trail, new_id(), released)
                with turn(request.caller.tenant, request.caller.actor):
                    return await self._run(ending, emit, keep)
        except TimeoutError as error:
            raise StageTimeout("The request ran out of time; nothing was released.") from error

    async def _run(self, ending: Ending, emit: Emit | None, keep: Keep | None) -> Outcome:
        request, policy, trail, released = ending.request, ending.policy, ending.trail, ending.released
        self._drawing.check(request)

        # 1. Judge what came: the picture, if there is one, then the prompt as written and normalised.
        given = await self._input.run(request, policy, trail, released=released is not None)

        # 2. Rewrite what the policy calls rewritable, and judge every rewrite by the same policy. A prompt
        #    that a person released is drawn as it was written.
        if released is not None and released.stage is not Stage.INPUT_IMAGE and given.may_be_released:
            settled = Settled(given.decision, Action.ALLOW, request.prompt)
        else:
            settled = await self._rewriting.run(request, given.decision, policy, trail)
        if settled.action is not Action.ALLOW:
            return await self._withhold(settled, given.reason, ending)
        prompt = settled.prompt

        # 3. Draw; a listener gets progress and previews that were judged.
        carried = carried_from(settled.decision.findings, carried_from(given.decision.findings))
        previews = Previews(self._judge, request, policy, trail, emit, carried) if emit else None
        pictures = await self._drawing.run(request, prompt, trail, previews)

        # 4. Judge every picture, with what the prompt carried for the locked rules; one that the policy
        #    wants regenerated is drawn and judged again.
        judged = await self._images.run(request, prompt, pictures, policy, trail, carried=carried)

        # 5. Encode what is allowed, once; what is held is kept for a person.
        ready = await prepare(request, judged, trail.coverage)
        waiting = await self._withholding.pictures(ending, settled, given.picture, judged, ready)
        ready = waiting.ready
        if released is not None and ready.hold is not None:  # all of it waits again
            ready = replace(ready, images=())

        # 6. Deliver: it is kept before it is on record, every record is durable before it leaves.
        outcome = ready.outcome(settled.decision, settled.trace, given.picture)
        if released is None and keep is not None:
            await keep(ready.images)
        elif released is not None and isinstance(outcome, Delivered | Partial):
            await self._holder.answered(released.ticket, outcome)
        trail.close(
            type(outcome).__name__.lower(),
            action=ready.action.word,
            out=ready.out,
            closing_id=ending.closing_id,
            more=ending.fields(ready.hold, waiting.refused, lacking=waiting.lacking),
        )
        await trail.durable()
        return outcome

    async def _withhold(self, settled: Settled, reason: str | None, ending: Ending) -> Outcome:
        decision, public = settled.decision, settled.reason or reason or settled.decision.public_reason
        outcome: Outcome = Blocked(decision.stage, decision, public)
        hold, refused = None, None
        if settled.action is Action.HOLD:
            try:
                hold = await self._withholding.prompt(ending, decision)
                outcome = Held(decision.stage, decision, public, hold=hold)
            except HoldRefused as full:
                refused = full.word
                outcome = Blocked(decision.stage, decision, full.reason)
        ending.trail.close(
            type(outcome).__name__.lower(),
            action=(Action.BLOCK if hold is None else Action.HOLD).word,
            fault=settled.fault,
            because=decision if settled.fault is not None else None,
            closing_id=ending.closing_id,
            more=ending.fields(hold, refused),
        )
        await ending.trail.durable()
        return outcome
