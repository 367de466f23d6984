"""Judge texts and pictures on their own, without drawing anything: the moderation surface.

The same judge, policies and records as the pipeline: one trail per call, closed before the answer leaves.
Texts that belong together are judged each by itself and read together: what is cut into parts is whole again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from classifiers.protocol import ClassifierCard
from classifiers.signals import Modality, Signal
from classifiers.waiting import turn
from gateway.audit.record import new_id
from gateway.core.concurrency import all_or_none
from gateway.core.errors import RequestInvalid, StageTimeout
from gateway.core.moderation_types import Moderation, ModerationInput
from gateway.core.policies_in_force import PoliciesInForce
from gateway.core.ports import AuditLog
from gateway.core.requests import Caller
from gateway.imaging.decode import ImageRefused, decode
from gateway.pipeline.for_review import review_fields
from gateway.pipeline.image_stage import coverage_of
from gateway.pipeline.judge import Judge, require_measured
from gateway.pipeline.trail import Observer, Trail
from policies.decision import Action, Decision, Stage
from policies.locks import carried_from
from policies.policy import Policy

_MODALITY = {Stage.PROMPT: Modality.TEXT, Stage.IMAGE: Modality.IMAGE}
AT_ONCE: Final = 4
"""Inputs of an array that are judged at the same time: the others don't wait in the classifiers' queues."""


class Moderator:
    """Answers moderation calls; holds no state of its own between them."""

    def __init__(
        self,
        *,
        judge: Judge,
        policies: PoliciesInForce,
        cards: Mapping[str, ClassifierCard],
        log: AuditLog,
        observer: Observer,
    ) -> None:
        self._judge = judge
        self._policies = policies
        self._cards = cards
        self._log = log
        self._observer = observer

    @property
    def policies(self) -> PoliciesInForce:
        """The compiled policies."""
        return self._policies

    async def run(
        self,
        inputs: Sequence[ModerationInput],
        *,
        request_id: str,
        caller: Caller,
        timeout_s: float,
        surface: str = "moderations",
        at_once: int = AT_ONCE,
    ) -> tuple[Moderation, ...]:
        """Return one answer per input, in order, within `timeout_s`; every decision is durable by then.

        At most `at_once` inputs are under way at a time.

        Raises:
            RequestInvalid: a picture can't be decoded, or the policy judges no pictures.
            ClassifierUnavailable, StageTimeout, PolicyUnavailable, AuditUnavailable: nothing is answered.
        """
        trail = Trail(
            self._log, request_id=request_id, caller=caller, surface=surface, observer=self._observer
        )
        async with trail:
            try:
                with turn(caller.tenant, caller.actor, bulk=len(inputs) > 1):
                    async with asyncio.timeout(timeout_s):
                        return await self._run(inputs, self._policies.get(caller.policy), trail, at_once)
            except TimeoutError as error:
                raise StageTimeout("The moderation ran out of time.") from error

    async def _run(
        self, inputs: Sequence[ModerationInput], policy: Policy, trail: Trail, at_once: int
    ) -> tuple[Moderation, ...]:
        answers = await all_or_none([self._one(one, policy, trail) for one in inputs], at_once=at_once)
        decisions = [decision for answer in answers for _, decision in answer.decisions]
        trail.coverage = coverage_of([d for d in decisions if d.stage is Stage.IMAGE], policy)
        action = max((d.action for d in decisions), default=Action.BLOCK)
        closing_id = new_id()
        more = review_fields(policy, trail.decisions, closing_id)
        trail.close("moderated", action=action.word, closing_id=closing_id, more=more)
        await trail.durable()
        return tuple(answers)

    async def _one(self, one: ModerationInput, policy: Policy, trail: Trail) -> Moderation:
        # The parts belong together: what one shows for the locked rules counts for those after it.
        carried: tuple[Signal, ...] = ()
        decisions: list[Decision] = []
        for text in (*one.texts, *_together(one.texts)):
            decision = require_measured(
                await self._judge.text(text, policy=policy, trail=trail, carried=carried)
            )
            carried = carried_from(decision.findings)
            decisions.append(decision)
        pictures = [self._picture(content, i, policy, trail, carried) for i, content in enumerate(one.images)]
        decisions += [require_measured(decision) for decision in await all_or_none(pictures)]
        return Moderation(
            tuple((_MODALITY[decision.stage], decision) for decision in decisions), self._covered(decisions)
        )

    async def _picture(
        self, content: bytes, index: int, policy: Policy, trail: Trail, carried: tuple[Signal, ...]
    ) -> Decision:
        if policy.plan(Stage.IMAGE).skipped_reason is not None:
            raise RequestInvalid(
                "input: the policy in force judges no pictures; send texts only.", param="input"
            )
        try:
            pixels = await decode(content)
        except ImageRefused as error:
            raise RequestInvalid(f"input: {error.reason}.", param="input") from error
        return await self._judge.picture(pixels, policy=policy, trail=trail, index=index, carried=carried)

    def _covered(self, decisions: Sequence[Decision]) -> dict[Modality, frozenset[str]]:
        covered: dict[Modality, frozenset[str]] = {}
        for decision in decisions:
            modality = _MODALITY[decision.stage]
            for name in decision.findings.inspected_by:
                if name in self._cards:
                    covered[modality] = covered.get(modality, frozenset()) | self._cards[name].categories
        return covered


def _together(texts: Sequence[str]) -> tuple[str, ...]:
    """Return what several texts say read as one, with nothing and with a space between them.

    At most two, and none that only repeats the words of a text or of the other: all of it costs at most three
    times what the texts cost singly.
    """
    if len(texts) < 2:
        return ()
    seen = {_words(text) for text in texts}
    found = []
    for gap in ("", " "):
        text = gap.join(texts)
        if (words := _words(text)) not in seen:
            seen.add(words)
            found.append(text)
    return tuple(found)


def _words(text: str) -> str:
    return " ".join(text.split())
