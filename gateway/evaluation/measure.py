"""Texts and pictures through the gate's own judge, and what each candidate makes of the findings.

Duty: one pass of every item through `gateway.pipeline.judge` (views, batchers, findings), asked of all
classifiers at once; then, for each candidate, the scores of its classifiers alone and the policy's decision
on them. Nothing goes on record: a measurement decides about nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from classifiers.protocol import Pixels
from classifiers.signals import Findings
from classifiers.taxonomy import is_within
from gateway.audit.record import new_id
from gateway.core.concurrency import all_or_none
from gateway.core.errors import ConfigurationError, RequestInvalid
from gateway.core.ports import Receipt, RecordDraft
from gateway.core.requests import Caller
from gateway.pipeline.judge import Judge, Measurer
from gateway.pipeline.trail import Trail
from policies.decision import Action, Decision, Stage
from policies.policy import ClassifierUse, Policy, StagePlan

_TIMEOUT_MS: Final = 600_000
"""As much as a policy can give: a busy machine must not look like a blind classifier."""
_AT_ONCE: Final = 32
"""Texts under way; with four views each they stay below the batchers' queue limit."""


class Placed(Protocol):
    """An item with the place it came from, for messages."""

    @property
    def place(self) -> str:
        """File, and line where it has one."""
        ...


class PlacedText(Placed, Protocol):
    """A text to measure."""

    @property
    def text(self) -> str:
        """What is measured."""
        ...


class PlacedPicture(Placed, Protocol):
    """A picture to measure."""

    def pixels(self) -> Pixels:
        """What is measured, read when it is asked for. Raises ConfigurationError when it can't be."""
        ...


PlacedT = TypeVar("PlacedT", bound=Placed)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is compared: one classifier alone, or all classifiers of a policy together."""

    name: str
    classifiers: tuple[str, ...]
    categories: frozenset[str]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one candidate makes of one text: the highest score per category over all views, and the action.

    `blamed` are the categories of the rules that led to an action other than allow.
    """

    scores: Mapping[str, float]
    action: Action
    blamed: frozenset[str] = frozenset()

    @property
    def flagged(self) -> bool:
        """True when the policy does anything but allow."""
        return self.action is not Action.ALLOW

    def highest(self, categories: Iterable[str]) -> float:
        """The highest score in any of the categories or below them; 0 without a signal."""
        return max((self.score(category) for category in categories), default=0.0)

    def score(self, category: str) -> float:
        """The highest score in a category or below it; 0 without a signal."""
        return max((s for slug, s in self.scores.items() if is_within(slug, category)), default=0.0)


class Unrecorded:
    """An audit log that keeps nothing; for measuring only."""

    ready = True

    def append(self, draft: RecordDraft) -> Future[Receipt]:
        """Forget the record."""
        gone: Future[Receipt] = Future()
        gone.set_result(Receipt(draft.id, 0, b"\0" * 32))
        return gone

    def close(self) -> None:
        """There is nothing to close."""


class StageBench(Generic[PlacedT]):
    """A judge over these classifiers at one stage, and a policy to read its findings by."""

    stage: ClassVar[Stage]

    def __init__(self, measurers: Mapping[str, Measurer], policy: Policy) -> None:
        self._judge = Judge(measurers)
        self._policy = policy
        self._asks_all = _asking(policy, tuple(measurers), self.stage)

    async def findings(
        self, items: Sequence[PlacedT], on_done: Callable[[], None] = lambda: None
    ) -> list[Findings]:
        """Return each item's findings, in order, with the signals of every view and classifier.

        Raises:
            ConfigurationError: an item can't be read, or a classifier gave no measurement.
        """
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(item: PlacedT) -> Findings:
            async with slots:
                found = await self._one(item)
            on_done()
            return found

        return list(await all_or_none([one(item) for item in items]))

    async def _judged(self, item: PlacedT, trail: Trail) -> Decision:
        raise NotImplementedError

    async def _one(self, prompt: PlacedT) -> Findings:
        trail = Trail(Unrecorded(), request_id=new_id(), caller=Caller(actor="eval"), surface="eval")
        try:
            decision = await self._judged(prompt, trail)
        except RequestInvalid as error:
            raise ConfigurationError(f"{prompt.place}: {error.message}") from error
        for failure in decision.findings.failures:
            kind = f"{failure.kind.value} {failure.detail}".strip()
            raise ConfigurationError(
                f"{prompt.place}: {failure.classifier} gave no measurement ({kind}); a figure over the rest "
                "would be wrong"
            )
        return decision.findings

    def reading(self, candidate: Candidate) -> Callable[[Findings], Measured]:
        """Return what turns findings into one candidate's measurement."""
        policy = _asking(self._policy, candidate.classifiers, self.stage)
        mine = frozenset(candidate.classifiers)

        def read(findings: Findings) -> Measured:
            signals = tuple(signal for signal in findings.signals if signal.classifier in mine)
            scores: dict[str, float] = {}
            for signal in (signal for signal in signals if not signal.outside):
                scores[signal.category] = max(scores.get(signal.category, 0.0), signal.score)
            decision = policy.decide(self.stage, Findings(signals, (), candidate.classifiers), new_id())
            blamed = frozenset(hit.category for hit in decision.rules if hit.action is not Action.ALLOW)
            return Measured(scores, decision.action, blamed)

        return read


class Bench(StageBench[PlacedText]):
    """The bench of texts: every view, at the prompt stage."""

    stage = Stage.PROMPT

    async def _judged(self, item: PlacedText, trail: Trail) -> Decision:
        return await self._judge.text(item.text, policy=self._asks_all, trail=trail)


class PictureBench(StageBench[PlacedPicture]):
    """The bench of pictures, at the image stage."""

    stage = Stage.IMAGE

    async def _judged(self, item: PlacedPicture, trail: Trail) -> Decision:
        pixels = await asyncio.to_thread(item.pixels)
        return await self._judge.picture(pixels, policy=self._asks_all, trail=trail, index=0)


def _asking(policy: Policy, classifiers: tuple[str, ...], stage: Stage) -> Policy:
    """The policy's rules and bands over other classifiers than it plans, each of them required."""
    if stage not in policy.stages:
        raise ConfigurationError(f"policy {policy.ref.name} judges no {stage.value}s; name another one")
    uses = tuple(ClassifierUse(name, _TIMEOUT_MS, "block") for name in classifiers)
    asked = replace(policy.stages[stage], planned=classifiers, tolerated=frozenset())
    return replace(
        policy,
        plans={**policy.plans, stage: StagePlan(uses)},
        stages={**policy.stages, stage: asked},
    )
