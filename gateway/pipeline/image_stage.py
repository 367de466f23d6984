"""Judge every picture; what the policy wants regenerated is drawn and judged again, as often as it says.

A picture whose action is `regenerate` gets a new seed and the offending concept as a negative prompt, at most
`policy.max_regenerations` times and only while there is time for another one. Each attempt is on record. What
still offends after the last one stays as it is: `regenerate` is no action that lets a picture leave.
Pictures are judged as raw pixels and encoded by nobody here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from classifiers.protocol import Pixels
from classifiers.signals import Signal
from gateway.core.concurrency import all_or_none
from gateway.core.errors import GenerationFailed
from gateway.core.outcomes import Coverage
from gateway.core.ports import Picture
from gateway.core.requests import ImageRequest
from gateway.imaging.decode import ImageRefused, decode
from gateway.pipeline.drawing import Drawing, Regeneration
from gateway.pipeline.judge import Judge, require_measured
from gateway.pipeline.trail import Trail
from policies.decision import Action, Decision, Stage
from policies.policy import Policy

_STRIDE: Final = 1_000_003
"""Between the seeds of two attempts: a prime, so that no attempt meets another picture's seed."""
_SPARE: Final = 1.25
"""A new attempt begins only when this many times the last one's duration is left."""

AVOID: Final[dict[str, str]] = {
    "sexual": "nudity, lingerie, sexual pose",
    "hate": "hate symbols",
    "harassment": "rude gesture, mockery",
    "self-harm": "self-harm, wounds, blades",
    "violence": "violence, weapons, blood",
    "violence/graphic": "gore, blood, wounds, corpses",
    "illicit": "drugs, syringes, smoking",
    "illicit/violent": "weapons, explosives",
    "real-person": "celebrity, recognisable person",
}
"""What a negative prompt says for a category; a classifier that names what it saw says it better."""


@dataclass(frozen=True, slots=True)
class JudgedPicture:
    """One of the n places after the image stage: its last picture, that one's seed, and the decision on it.

    `decision` is None when the policy skips the stage; then `pixels` is None where an upstream's own bytes
    pass through. `attempts` counts how often it was regenerated.
    """

    index: int
    seed: int
    picture: Picture
    pixels: Pixels | None
    decision: Decision | None
    attempts: int = 0

    @property
    def wanted_again(self) -> bool:
        """True while the policy asks for another picture in its place."""
        return self.decision is not None and self.decision.action is Action.REGENERATE


class ImageStage:
    """Looks at the n pictures of a request, and has the offending ones regenerated."""

    def __init__(self, judge: Judge, drawing: Drawing) -> None:
        self._judge = judge
        self._drawing = drawing

    async def run(
        self,
        request: ImageRequest,
        prompt: str,
        pictures: Sequence[Picture],
        policy: Policy,
        trail: Trail,
        *,
        carried: tuple[Signal, ...] = (),
    ) -> tuple[JudgedPicture, ...]:
        """Return one judged picture per place, in order; the trail's coverage says how much was seen.

        `carried` is the prompt's evidence for the locked rules.

        Raises:
            GenerationFailed: a picture can't be decoded or has another size than was asked for.
            ClassifierUnavailable, StageTimeout: a picture could not be judged; then none leaves.
        """
        places = [JudgedPicture(i, request.seed + i, p, None, None) for i, p in enumerate(pictures)]
        drawn_in_s = trail.elapsed_s  # the prompt's judgement included: rather too long than too short
        judged = await self._looked_at(places, request, policy, trail, carried)
        seen = list(judged)
        for attempt in range(1, policy.max_regenerations + 1):
            started_s = trail.elapsed_s
            again = [one for one in judged if one.wanted_again]
            left_s = request.deadline_s - started_s
            if not again or left_s < _SPARE * drawn_in_s:
                break
            regenerated = await self._regenerated(
                again, request, prompt, trail, attempt=attempt, left_s=left_s
            )
            if not regenerated:
                break
            fresh = await self._looked_at(regenerated, request, policy, trail, carried)
            drawn_in_s = trail.elapsed_s - started_s
            seen += fresh
            by_index = {one.index: one for one in fresh}
            judged = [by_index.get(one.index, one) for one in judged]
        trail.coverage = coverage_of([one.decision for one in seen], policy)
        return tuple(judged)

    async def _looked_at(
        self,
        places: Iterable[JudgedPicture],
        request: ImageRequest,
        policy: Policy,
        trail: Trail,
        carried: tuple[Signal, ...],
    ) -> list[JudgedPicture]:
        judging = [self._one(place, request, policy, trail, carried) for place in places]
        return list(await all_or_none(judging))

    async def _one(
        self,
        place: JudgedPicture,
        request: ImageRequest,
        policy: Policy,
        trail: Trail,
        carried: tuple[Signal, ...],
    ) -> JudgedPicture:
        if policy.plan(Stage.IMAGE).skipped_reason is not None:
            as_is = _is_as_asked(place.picture, request)
            return place if as_is else replace(place, pixels=await _pixels(place.picture, request))
        pixels = await _pixels(place.picture, request)
        decision = require_measured(
            await self._judge.picture(
                pixels,
                policy=policy,
                trail=trail,
                index=place.index,
                attempt=place.attempts,
                carried=carried,
            )
        )
        return replace(place, pixels=pixels, decision=decision)

    async def _regenerated(
        self,
        again: Sequence[JudgedPicture],
        request: ImageRequest,
        prompt: str,
        trail: Trail,
        *,
        attempt: int,
        left_s: float,
    ) -> list[JudgedPicture]:
        """Return the places with new pictures, not judged yet; empty when the backend failed."""
        seeds = tuple(_new_seed(request.seed + one.index, attempt) for one in again)
        regeneration = Regeneration(attempt, seeds, _avoid(again), left_s)
        pictures = await self._drawing.regenerate(request, prompt, trail, regeneration)
        return (
            [
                JudgedPicture(one.index, seed, picture, None, None, attempt)
                for one, seed, picture in zip(again, seeds, pictures, strict=True)
            ]
            if pictures
            else []
        )


def coverage_of(decisions: Sequence[Decision | None], policy: Policy) -> Coverage:
    """Return what was really seen of these pictures; None is a picture that nobody looked at."""
    looks = [decision.findings.inspected_by if decision is not None else () for decision in decisions]
    if not looks:
        return Coverage()
    # What one picture was not examined for is not covered, whatever the others were.
    missed = {slug for look in set(looks) for slug in policy.coverage[Stage.IMAGE].uncovered(look)}
    return Coverage(
        images_total=len(looks),
        images_inspected=sum(bool(look) for look in looks),
        classifiers=tuple(sorted({name for look in looks for name in look})),
        uncovered=tuple(slug for slug in policy.coverage[Stage.IMAGE].relevant if slug in missed),
    )


def _new_seed(seed: int, attempt: int) -> int:
    # A seed of 32 bits stays one: some backends take no more.
    return (seed + attempt * _STRIDE) % (2**32 if seed < 2**32 else 2**63)


def _avoid(again: Iterable[JudgedPicture]) -> str:
    """What the negative prompt adds: the concepts that were seen, or words for the rules' categories."""
    words: dict[str, None] = {}
    for one in again:
        assert one.decision is not None
        for hit in one.decision.rules:
            if hit.action is not Action.REGENERATE:
                continue
            signals = (s for s in one.decision.findings.signals if s.category == hit.category)
            concepts = [s.concept for s in signals if s.concept and s.score >= hit.threshold]
            words |= dict.fromkeys(concepts or [_words_for(hit.category)])
    return ", ".join(words)


def _words_for(category: str) -> str:
    parent = category.split("/", maxsplit=1)[0]
    return AVOID.get(category) or AVOID.get(parent) or category.rpartition("/")[2]


def _is_as_asked(picture: Picture, request: ImageRequest) -> bool:
    """True for an upstream's own bytes in the format asked for; how they were compressed nobody knows."""
    return picture.mime == f"image/{request.output_format.value}" and request.output_compression == 100


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
