"""Judge what a request brings: its picture, where there is one, and its prompt.

The picture is judged before anything uses it, by the policy's rules for pictures, under a stage of its own:
a record then says whether a client sent it or a model drew it. Only what is plainly allowed is used. There
is nothing to blur or to regenerate in what came from outside, so `redact` and `regenerate` withhold it too.
What it showed that counts for the locked rules goes on to the prompt, and with the prompt's to the drawings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.core.requests import ImageRequest
from gateway.pipeline.judge import Judge, require_measured
from gateway.pipeline.trail import Trail
from policies.decision import Action, Decision, Stage
from policies.locks import carried_from
from policies.policy import Policy

_OFFENDS: Final = "The picture that was sent goes against the content policy."


@dataclass(frozen=True, slots=True)
class Given:
    """What counts of a request's input: the first decision that is not allow, else the prompt's.

    `picture` is the decision on the picture, None without one or where the policy looks at no pictures.
    `reason` is public, and None where the decision's own serves.
    """

    decision: Decision
    picture: Decision | None = None
    reason: str | None = None

    @property
    def may_be_released(self) -> bool:
        """Whether a person's word lets the prompt through: it was judged, and no rule blocks it."""
        return self.decision.stage is Stage.PROMPT and self.decision.action is not Action.BLOCK


class InputStage:
    """The first step of the pipeline."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    async def run(
        self, request: ImageRequest, policy: Policy, trail: Trail, *, released: bool = False
    ) -> Given:
        """Return what was decided; a picture that offends ends it before its prompt is read.

        With `released` a person has let a held picture through: a block stays one.

        Raises:
            ClassifierUnavailable, StageTimeout: it could not be judged.
            RequestInvalid: the prompt has no readable form.
        """
        picture = None
        if request.source is not None and policy.plan(Stage.INPUT_IMAGE).skipped_reason is None:
            picture = require_measured(
                await self._judge.picture(
                    request.source.pixels, policy=policy, trail=trail, index=0, stage=Stage.INPUT_IMAGE
                )
            )
            passed = released and picture.action is Action.HOLD
            if picture.action is not Action.ALLOW and not passed:
                own = picture.action in (Action.HOLD, Action.BLOCK)
                return Given(picture, picture, None if own else _OFFENDS)
        carried = () if picture is None else carried_from(picture.findings)
        prompt = require_measured(
            await self._judge.text(request.prompt, policy=policy, trail=trail, carried=carried)
        )
        return Given(prompt, picture)
