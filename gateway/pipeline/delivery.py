"""Encode what the image stage lets go, once, and say what the client receives.

What is delivered is what was judged: the bytes are made from the pixels that the classifiers saw. Only where
the policy skips the image stage, with a written reason, do an upstream's own bytes pass through unseen, and
the coverage then says that nothing was inspected.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from classifiers.protocol import Pixels
from gateway.core.concurrency import all_or_none
from gateway.core.outcomes import (
    Blocked,
    Coverage,
    Delivered,
    DeliveredImage,
    Held,
    Hold,
    Outcome,
    Partial,
    RewriteTrace,
    WithheldImage,
)
from gateway.core.requests import ImageRequest
from gateway.imaging.blur import blur
from gateway.imaging.encode import encode
from gateway.imaging.perceptual import perceptual_hash
from gateway.imaging.workers import shared_workers
from gateway.pipeline.image_stage import JudgedPicture
from gateway.pipeline.trail import DeliveredBytes
from policies.decision import Action, Decision, Stage

_STILL_OFFENDS = "No picture could be made that follows the content policy: each new one offended too."
_NOT_MADE = "The picture offended, and a new one could not be made in its place."


@dataclass(frozen=True, slots=True)
class Ready:
    """All n places, ready to leave: the encoded pictures, those that may not leave, how much was seen."""

    images: tuple[DeliveredImage, ...]
    withheld: tuple[WithheldImage, ...]
    coverage: Coverage
    hold: Hold | None = None

    @property
    def action(self) -> Action:
        """The strictest action over the pictures."""
        actions = [image.decision.action for image in self.images if image.decision is not None]
        return max([*actions, *(withheld.action for withheld in self.withheld)], default=Action.ALLOW)

    @property
    def out(self) -> tuple[DeliveredBytes, ...]:
        """What leaves, as it goes on record."""
        return tuple(
            DeliveredBytes(
                image.index,
                hashlib.sha256(image.content).hexdigest(),
                len(image.content),
                f"image/{image.format.value}",
                image.likeness,
            )
            for image in self.images
        )

    def outcome(
        self, prompt: Decision, rewrite: RewriteTrace | None, source: Decision | None = None
    ) -> Outcome:
        """Return Delivered, Partial, Blocked or Held; blocked beats held when no picture may leave.

        `source` is the decision on the picture that the request brought, if it brought one.
        """
        if not self.withheld:
            return Delivered(self.images, prompt, rewrite, self.coverage, source)
        if self.images:
            return Partial(self.images, self.withheld, prompt, rewrite, self.coverage, source, self.hold)
        worst = max(self.withheld, key=lambda withheld: withheld.action)
        if worst.action is Action.HOLD:
            return Held(Stage.IMAGE, worst.decision, worst.public_reason, self.coverage, self.hold)
        return Blocked(
            Stage.IMAGE,
            worst.decision,
            worst.public_reason,
            withheld=self.withheld,
            coverage=self.coverage,
            hold=self.hold,
        )


async def prepare(request: ImageRequest, judged: Sequence[JudgedPicture], coverage: Coverage) -> Ready:
    """Encode what may leave, and name the rest.

    Raises:
        Overloaded: too many pictures wait to be encoded.
    """
    done = await all_or_none([_one(request, place) for place in judged])
    images = tuple(d for d in done if isinstance(d, DeliveredImage))
    withheld = tuple(d for d in done if isinstance(d, WithheldImage))
    return Ready(images, withheld, coverage)


async def released_later(
    request: ImageRequest, places: Sequence[JudgedPicture]
) -> tuple[DeliveredImage, ...]:
    """Encode held pictures as they will be delivered if a person releases them; unchanged, and once."""
    return tuple(await all_or_none([_encoded(request, place) for place in places]))


async def _encoded(request: ImageRequest, place: JudgedPicture) -> DeliveredImage:
    assert place.pixels is not None
    content, likeness = await shared_workers().run(functools.partial(_finished, place.pixels, request))
    return DeliveredImage(
        place.index,
        content,
        request.output_format,
        request.width,
        request.height,
        place.seed,
        place.decision,
        place.attempts,
        likeness,
    )


async def _one(request: ImageRequest, place: JudgedPicture) -> DeliveredImage | WithheldImage:
    decision, pixels, likeness = place.decision, place.pixels, None
    if decision is not None and decision.action not in (Action.ALLOW, Action.REDACT):
        return _withheld(place, decision)
    if pixels is None:  # the stage is skipped, and the upstream's bytes are what was asked for
        assert decision is None
        assert place.picture.encoded is not None
        content = place.picture.encoded
    else:
        if decision is not None and decision.action is Action.REDACT:
            pixels = blur(pixels)
        content, likeness = await shared_workers().run(functools.partial(_finished, pixels, request))
    return DeliveredImage(
        place.index,
        content,
        request.output_format,
        request.width,
        request.height,
        place.seed,
        decision,
        place.attempts,
        likeness,
    )


def _finished(pixels: Pixels, request: ImageRequest) -> tuple[bytes, str]:
    return encode(pixels, request.output_format, request.output_compression), perceptual_hash(pixels)


def _withheld(place: JudgedPicture, decision: Decision) -> WithheldImage:
    reason = None
    if decision.action is Action.REGENERATE:
        reason = _STILL_OFFENDS if place.attempts else _NOT_MADE
    return WithheldImage(place.index, decision, place.attempts, reason)
