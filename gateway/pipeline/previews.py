"""What a listener sees while pictures are drawn: progress, and previews that were judged first.

A preview that the policy does not plainly allow leaves blurred past recognition, never as it is, and none
leaves before the decision on it is durable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from classifiers.protocol import Pixels
from classifiers.signals import Signal
from gateway.core.concurrency import all_or_none
from gateway.core.outcomes import PartialImage, StreamEvent
from gateway.core.ports import Progress
from gateway.core.requests import ImageRequest
from gateway.imaging.blur import blur
from gateway.imaging.encode import encode_off_loop
from gateway.pipeline.judge import Judge
from gateway.pipeline.trail import Trail
from policies.decision import Action, Stage
from policies.policy import Policy


@dataclass(slots=True)
class Previews:
    """Shows one request's progress through `emit`; `rounds` counts the previews shown so far.

    `carried` is the prompt's evidence for the locked rules.
    """

    judge: Judge
    request: ImageRequest
    policy: Policy
    trail: Trail
    emit: Callable[[StreamEvent], Awaitable[None]]
    carried: tuple[Signal, ...] = ()
    rounds: int = field(default=0, init=False)

    async def show(self, progress: Progress) -> None:
        """Emit the step, then its previews while fewer than `partial_images` rounds were shown."""
        await self.emit(Progress(progress.step, progress.steps))
        if not progress.previews or self.rounds >= self.request.partial_images:
            return
        partials = await all_or_none(
            [self._judged(pixels, index) for index, pixels in enumerate(progress.previews)]
        )
        self.rounds += 1
        await self.trail.durable()
        for partial in partials:
            await self.emit(partial)

    async def _judged(self, pixels: Pixels, index: int) -> PartialImage:
        decision = None
        if self.policy.plan(Stage.IMAGE).skipped_reason is None:
            decision = await self.judge.picture(
                pixels,
                policy=self.policy,
                trail=self.trail,
                index=index,
                preview=True,
                carried=self.carried,
            )
        hidden = decision is None or decision.action is not Action.ALLOW
        shown = blur(pixels) if hidden else pixels
        content = await encode_off_loop(shown, self.request.output_format, self.request.output_compression)
        height, width = pixels.shape[:2]
        return PartialImage(
            index, self.rounds, content, self.request.output_format, width, height, hidden, decision
        )
