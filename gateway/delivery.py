"""Judge every picture, encode what is allowed once, and say what the client receives.

What is delivered is what was judged: the bytes are made from the pixels that the classifiers saw. Only where
the policy skips the image stage, with a written reason, do an upstream's own bytes pass through unseen, and
the coverage then says that nothing was inspected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifiers.protocol import Pixels
from gateway.concurrency import all_or_none
from gateway.errors import GenerationFailed
from gateway.imaging.blur import blur
from gateway.imaging.decode import ImageRefused, decode
from gateway.imaging.encode import encode_off_loop
from gateway.judge import Judge, require_measured
from gateway.outcomes import (
    Blocked,
    Coverage,
    Delivered,
    DeliveredImage,
    Held,
    Outcome,
    Partial,
    RewriteTrace,
    WithheldImage,
)
from gateway.ports import Picture
from gateway.requests import ImageRequest
from gateway.trail import DeliveredBytes, Trail
from policies.decision import Action, Decision, Stage
from policies.policy import Policy


@dataclass(frozen=True, slots=True)
class Judged:
    """All n pictures after the image stage: those that may leave, those that may not, how much was seen."""

    images: tuple[DeliveredImage, ...]
    withheld: tuple[WithheldImage, ...]
    out: tuple[DeliveredBytes, ...]
    coverage: Coverage

    @property
    def action(self) -> Action:
        """The strictest action over the pictures."""
        decisions = [image.decision for image in self.images if image.decision] + [
            withheld.decision for withheld in self.withheld
        ]
        return max((decision.action for decision in decisions), default=Action.ALLOW)


class Delivery:
    """The last two steps of the pipeline."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    async def judge(
        self, request: ImageRequest, pictures: Sequence[Picture], policy: Policy, trail: Trail
    ) -> Judged:
        """Judge and encode all pictures.

        Raises:
            GenerationFailed: a picture can't be decoded or has another size than was asked for.
            ClassifierUnavailable, StageTimeout: a picture could not be judged; then none leaves.
        """
        done = await all_or_none(
            [self._one(request, picture, index, policy, trail) for index, picture in enumerate(pictures)]
        )
        images = tuple(d for d in done if isinstance(d, DeliveredImage))
        withheld = tuple(d for d in done if isinstance(d, WithheldImage))
        decisions = [d.decision for d in done if d.decision is not None]
        looked = {name for decision in decisions for name in decision.findings.inspected_by}
        coverage = Coverage(len(done), len(decisions), tuple(sorted(looked)))
        trail.coverage = coverage
        return Judged(images, withheld, tuple(_bytes_of(image) for image in images), coverage)

    def outcome(self, judged: Judged, prompt: Decision, rewrite: RewriteTrace | None) -> Outcome:
        """Return Delivered, Partial, Blocked or Held; blocked beats held when no picture may leave."""
        if not judged.withheld:
            return Delivered(judged.images, prompt, rewrite, judged.coverage)
        if judged.images:
            return Partial(judged.images, judged.withheld, prompt, rewrite, judged.coverage)
        worst = max(judged.withheld, key=lambda withheld: withheld.decision.action).decision
        if worst.action is Action.HOLD:
            return Held(Stage.IMAGE, worst, worst.public_reason, judged.coverage)
        return Blocked(
            Stage.IMAGE, worst, worst.public_reason, withheld=judged.withheld, coverage=judged.coverage
        )

    async def _one(
        self, request: ImageRequest, picture: Picture, index: int, policy: Policy, trail: Trail
    ) -> DeliveredImage | WithheldImage:
        mime = f"image/{request.output_format.value}"
        decision = None
        if policy.plan(Stage.IMAGE).skipped_reason is not None:
            if picture.encoded is not None and picture.mime == mime:
                return _delivered(request, index, picture.encoded, None)
            pixels = await _pixels(picture, request)
        else:
            pixels = await _pixels(picture, request)
            decision = require_measured(
                await self._judge.picture(pixels, policy=policy, trail=trail, index=index)
            )
            if decision.action not in (Action.ALLOW, Action.REDACT):
                return WithheldImage(index, decision)
            if decision.action is Action.REDACT:
                pixels = blur(pixels)
        content = await encode_off_loop(pixels, request.output_format, request.output_compression)
        return _delivered(request, index, content, decision)


async def _pixels(picture: Picture, request: ImageRequest) -> Pixels:
    if picture.pixels is not None:
        pixels = picture.pixels
        if not isinstance(pixels, np.ndarray):
            raise GenerationFailed("The image backend gave something else than pixels.")
    else:
        try:
            pixels = await decode(picture.encoded or b"")
        except ImageRefused as error:
            raise GenerationFailed("The image backend sent a picture that can't be decoded.") from error
    if pixels.shape != (request.height, request.width, 3) or pixels.dtype.name != "uint8":
        raise GenerationFailed("The image backend sent a picture of another shape than was asked for.")
    return pixels


def _delivered(
    request: ImageRequest, index: int, content: bytes, decision: Decision | None
) -> DeliveredImage:
    return DeliveredImage(
        index, content, request.output_format, request.width, request.height, request.seed + index, decision
    )


def _bytes_of(image: DeliveredImage) -> DeliveredBytes:
    digest = hashlib.sha256(image.content).hexdigest()
    return DeliveredBytes(image.index, digest, len(image.content), f"image/{image.format.value}")
