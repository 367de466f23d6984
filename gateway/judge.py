"""Judge one text or one picture: classify, evaluate, record. The only place where these three meet.

Duty: send every view of a text (as written, normalised, …) or one picture to the classifiers that the policy
plans for the stage, hand the findings to the policy, and record the decision. It draws no conclusion of its
own: a classifier that gave no measurement becomes a `Failure`, and what follows from it is the policy's say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from classifiers.batching import ClassifierFailed
from classifiers.normalize import InvalidText, View, views
from classifiers.protocol import Item, Pixels
from classifiers.signals import Failure, FailureKind, Findings, Signal
from gateway.audit.record import new_id
from gateway.errors import ClassifierUnavailable, PolicyUnavailable, RequestInvalid, StageTimeout
from gateway.trail import PicturePlace, Trail
from policies.decision import Decision, Stage
from policies.policy import ClassifierUse, Policy

_READ_AT_ONCE_CHARS: Final = 1000
"""Up to here all views of the trickiest text take milliseconds; 32,000 characters took 0.2 s."""


class Measurer(Protocol):
    """A classifier behind its batcher."""

    async def submit(self, item: Item) -> tuple[Signal, ...]:
        """Return the item's signals, or raise `ClassifierFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one classifier said of one item: signals, or why there are none."""

    classifier: str
    signals: tuple[Signal, ...] = ()
    failure: Failure | None = None


class Judge:
    """Measures by the policy's plan and decides by its rules; every decision is on the trail."""

    def __init__(self, measurers: Mapping[str, Measurer]) -> None:
        self._measurers = measurers
        self._reading = asyncio.Semaphore(1)  # several threads at once would starve the event loop

    async def text(
        self,
        text: str,
        *,
        policy: Policy,
        trail: Trail,
        stage: Stage = Stage.PROMPT,
        carried: tuple[Signal, ...] = (),
    ) -> Decision:
        """Judge a text in every view; the strictest view counts, and all scores are recorded.

        `carried` is what other parts of the same request showed that counts for the locked rules
        (`policies.locks.carried_from`).

        Raises:
            RequestInvalid: the text has no readable form.
            PolicyUnavailable: the policy could not be evaluated.
            AuditUnavailable: the decision could not be recorded.
        """
        started_ns = time.monotonic_ns()
        plan = policy.plan(stage)
        seen = await self._seen(text)
        answers = await self._ask_all([(use, view.text) for use in plan.classifiers for view in seen])
        origins = list(seen) * len(plan.classifiers)
        answers = [_in_original(answer, view) for answer, view in zip(answers, origins, strict=True)]
        findings = _findings(answers, carried)
        return self._decide(findings, policy, stage, trail, started_ns, text=text)

    async def picture(
        self,
        pixels: Pixels,
        *,
        policy: Policy,
        trail: Trail,
        index: int,
        preview: bool = False,
        attempt: int = 0,
        carried: tuple[Signal, ...] = (),
        stage: Stage = Stage.IMAGE,
    ) -> Decision:
        """Judge one picture's raw pixels (H × W × 3 uint8). `carried` and what is raised: as for `text`."""
        started_ns = time.monotonic_ns()
        plan = policy.plan(stage)
        answers = await self._ask_all([(use, pixels) for use in plan.classifiers])
        findings, place = _findings(answers, carried), PicturePlace(index, preview, attempt)
        return self._decide(findings, policy, stage, trail, started_ns, place=place)

    async def _seen(self, text: str) -> tuple[View, ...]:
        """Return the views of a text; a long one is read in a thread, so that it holds nobody else up."""
        try:
            if len(text) <= _READ_AT_ONCE_CHARS:
                return views(text)
            async with self._reading:
                return await asyncio.to_thread(views, text)
        except InvalidText as error:
            raise RequestInvalid(f"The text can't be judged: {error}.") from error

    async def _ask_all(self, questions: Sequence[tuple[ClassifierUse, Item]]) -> list[_Answer]:
        if len(questions) == 1:
            return [await self._ask(*questions[0])]
        return list(await asyncio.gather(*(self._ask(use, item) for use, item in questions)))

    async def _ask(self, use: ClassifierUse, item: Item) -> _Answer:
        measurer = self._measurers.get(use.name)
        if measurer is None:
            return _Answer(use.name, failure=Failure(use.name, FailureKind.MISSING))
        try:
            async with asyncio.timeout(use.timeout_ms / 1000):
                return _Answer(use.name, await measurer.submit(item))
        except TimeoutError:
            return _Answer(use.name, failure=Failure(use.name, FailureKind.TIMEOUT))
        except ClassifierFailed as failed:
            return _Answer(use.name, failure=failed.failure)

    def _decide(
        self,
        findings: Findings,
        policy: Policy,
        stage: Stage,
        trail: Trail,
        started_ns: int,
        *,
        text: str | None = None,
        place: PicturePlace | None = None,
    ) -> Decision:
        try:
            decision = policy.decide(stage, findings, new_id())
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            # A policy is pure code over numbers: whatever it raises, nothing was decided, so nothing leaves.
            raise PolicyUnavailable("The policy could not be evaluated; nothing was released.") from error
        if not isinstance(decision, Decision) or decision.stage is not stage:
            raise PolicyUnavailable("The policy gave no decision; nothing was released.")
        latency_us = (time.monotonic_ns() - started_ns) // 1000
        trail.decision(decision, latency_us=latency_us, text=text, place=place)
        return decision


def require_measured(decision: Decision) -> Decision:
    """Return the decision, or raise when it only says that a required classifier gave no measurement.

    Raises:
        StageTimeout: every required classifier that failed ran out of time.
        ClassifierUnavailable: at least one failed otherwise.
    """
    if not decision.failed_closed:
        return decision
    kinds = {failure.kind for failure in decision.findings.failures}
    if kinds == {FailureKind.TIMEOUT}:
        raise StageTimeout("A classifier did not answer in time; nothing was released.")
    raise ClassifierUnavailable(
        "A required classifier is unavailable; nothing was released. Try again later.", retry_after_s=2
    )


def _in_original(answer: _Answer, view: View) -> _Answer:
    """Name the view on every signal and move its spans into the text as written."""
    if not answer.signals:
        return answer
    return replace(
        answer,
        signals=tuple(
            replace(s, view=view.name, spans=tuple(view.to_original(span) for span in s.spans))
            for s in answer.signals
        ),
    )


def _findings(answers: Sequence[_Answer], carried: tuple[Signal, ...]) -> Findings:
    failures = tuple(dict.fromkeys(a.failure for a in answers if a.failure is not None))
    failed = {failure.classifier for failure in failures}
    looked = dict.fromkeys(a.classifier for a in answers if a.classifier not in failed)
    signals = tuple(signal for a in answers for signal in a.signals)
    return Findings(signals, failures, tuple(looked), carried)
