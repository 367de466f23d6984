"""One request, from prompt to pictures. The whole path is on this screen; each step is one call.

The order is the safety:
  1. judge what came: picture, then prompt    classifiers measure → policy decides → recorded
  2. rewrite it, then judge the rewrite       by the same policy; a failed or offending rewrite blocks
  3. draw                                     previews are judged before they are shown
  4. judge every picture                      what policy wants regenerated is drawn and judged again
  5. deliver what was allowed                 nothing leaves before its records are durable
It knows no HTTP, no model and no storage: those are behind `gateway.core.ports`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from gateway.audit.record import new_id
from gateway.core.errors import StageTimeout
from gateway.core.outcomes import Blocked, Held, Keep, Outcome, StreamEvent
from gateway.core.policies_in_force import PoliciesInForce
from gateway.core.ports import AuditLog, ImageGenerator
from gateway.core.requests import ImageRequest
from gateway.pipeline.delivery import prepare
from gateway.pipeline.drawing import Drawing
from gateway.pipeline.for_review import review_fields
from gateway.pipeline.image_stage import ImageStage
from gateway.pipeline.input_stage import InputStage
from gateway.pipeline.judge import Judge
from gateway.pipeline.previews import Previews
from gateway.pipeline.rewrite_stage import RewriteStage, Settled
from gateway.pipeline.trail import Observer, Trail
from policies.decision import Action
from policies.locks import carried_from
from policies.policy import Policy

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
    ) -> None:
        self._judge = judge
        self._input = InputStage(judge)
        self._rewriting = rewriting
        self._drawing = Drawing(generators)
        self._images = ImageStage(judge, self._drawing)
        self._policies = policies
        self._log = log
        self._observer = observer

    async def run(self, request: ImageRequest, emit: Emit | None = None, keep: Keep | None = None) -> Outcome:
        """Return what the client receives; `emit` gets progress and judged previews on the way.

        `keep` stores the pictures that leave by another way than the answer itself.

        Raises:
            GatewayError: nothing was released; the trail is closed with the error.
        """
        trail = Trail(
            self._log,
            request_id=request.id,
            caller=request.caller,
            surface=request.surface,
            observer=self._observer,
        )
        async with trail:
            try:
                async with asyncio.timeout(request.deadline_s):
                    return await self._run(request, trail, emit, keep)
            except TimeoutError as error:
                raise StageTimeout("The request ran out of time; nothing was released.") from error

    async def _run(
        self, request: ImageRequest, trail: Trail, emit: Emit | None, keep: Keep | None
    ) -> Outcome:
        policy = self._policies.get(request.caller.policy)

        # 1. Judge what came: the picture, if there is one, then the prompt as written and normalised.
        given = await self._input.run(request, policy, trail)

        # 2. Rewrite what the policy calls rewritable, and judge every rewrite by the same policy.
        settled = await self._rewriting.run(request, given.decision, policy, trail)
        if settled.action is not Action.ALLOW:
            return await self._withhold(settled, given.reason, policy, trail)
        prompt = settled.prompt

        # 3. Draw; a listener gets progress and previews that were judged.
        carried = carried_from(settled.decision.findings, carried_from(given.decision.findings))
        previews = Previews(self._judge, request, policy, trail, emit, carried) if emit else None
        pictures = await self._drawing.run(request, prompt, trail, previews)

        # 4. Judge every picture, with what the prompt carried for the locked rules; one that the policy
        #    wants regenerated is drawn and judged again.
        judged = await self._images.run(request, prompt, pictures, policy, trail, carried=carried)

        # 5. Encode what is allowed, once, and deliver: it is kept before it is on record, every record is
        #    durable before it leaves.
        ready = await prepare(request, judged, trail.coverage)
        if keep is not None:
            await keep(ready.images)
        outcome = ready.outcome(settled.decision, settled.trace, given.picture)
        closing_id = new_id()
        trail.close(
            type(outcome).__name__.lower(),
            action=ready.action.word,
            out=ready.out,
            closing_id=closing_id,
            more=review_fields(policy, trail.decisions, closing_id),
        )
        await trail.durable()
        return outcome

    async def _withhold(self, settled: Settled, reason: str | None, policy: Policy, trail: Trail) -> Outcome:
        decision, public = settled.decision, settled.reason or reason or settled.decision.public_reason
        outcome: Outcome
        action = Action.HOLD if settled.action is Action.HOLD else Action.BLOCK
        if action is Action.HOLD:
            outcome = Held(decision.stage, decision, public)
        else:
            outcome = Blocked(decision.stage, decision, public)
        closing_id = new_id()
        trail.close(
            type(outcome).__name__.lower(),
            action=action.word,
            fault=settled.fault,
            closing_id=closing_id,
            more=review_fields(policy, trail.decisions, closing_id),
        )
        await trail.durable()
        return outcome
