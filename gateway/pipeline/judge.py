"""Judge one text or one picture: classify, evaluate, record. The only place where these three meet.

Duty: send every view of a text (as written, normalised, …), each stretch of a prompt-injection attempt,
or one picture to the classifiers that the policy plans for the stage, hand the findings to the policy, and
record the decision. A classifier that was trained for some languages is asked for a text's passages in them;
what it says of the others is marked. The judge draws no conclusion of its own: a classifier that gave no
measurement becomes a `Failure`, and the policy decides what follows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

from classifiers.batching import ClassifierFailed
from classifiers.languages.cutting import Piece, pieces
from classifiers.normalize import NORMALISED, InvalidText, View, views
from classifiers.protocol import ClassifierCard, Item, Pixels
from classifiers.signals import Failure, FailureKind, Findings, Signal, Span
from classifiers.steering import PART, SHORT_CHARS, stretches
from classifiers.taxonomy import UNCOVERED_LANGUAGE
from gateway.audit.record import new_id
from gateway.core.errors import ClassifierUnavailable, PolicyUnavailable, RequestInvalid, StageTimeout
from gateway.pipeline.locating import at_fault
from gateway.pipeline.trail import PicturePlace, Trail
from policies.decision import Decision, Stage
from policies.policy import ClassifierUse, Policy

_READ_AT_ONCE_CHARS: Final = 1000
"""Up to here all views of the trickiest text take milliseconds; 32,000 characters took 0.2 s."""
_STRETCHES_AT_ONCE: Final = 16
"""A text with many must not fill the classifiers' queues for everybody."""


class Measurer(Protocol):
    """A classifier behind its batcher."""

    async def submit(self, item: Item, timeout_s: float | None = None) -> tuple[Signal, ...]:
        """Return the item's signals, or raise `ClassifierFailed`; `timeout_s` bounds the work alone."""
        ...

    async def locate(self, text: str, edges: Mapping[str, float]) -> tuple[Span, ...]:
        """Return what to leave out of a text, or raise `ClassifierFailed`."""
        ...


@runtime_checkable
class _WithCard(Protocol):
    """A measurer that tells who measures."""

    @property
    def card(self) -> ClassifierCard:
        """The classifier's card."""
        ...


@dataclass(frozen=True, slots=True)
class _Sight:
    """A view of a text, or a stretch, and what of it each set of languages is asked (None: any language)."""

    whole: View
    cut: Mapping[frozenset[str] | None, tuple[Piece, ...]]


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
        self._languages = {
            name: measurer.card.trained_for if isinstance(measurer, _WithCard) else None
            for name, measurer in measurers.items()
        }
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

        Of a prompt-injection attempt each stretch is judged as well; the strictest counts and is what
        is recorded of them, under the view `part`.

        `carried` is what other parts of the same request showed that counts for the locked rules
        (`policies.locks.carried_from`).

        Raises:
            RequestInvalid: the text has no readable form.
            PolicyUnavailable: the policy could not be evaluated.
            AuditUnavailable: the decision could not be recorded.
        """
        started_ns = time.monotonic_ns()
        plan = policy.plan(stage)
        seen, hidden = await self._seen(text)
        covered = bool(hidden) and len(text) > SHORT_CHARS
        answers = await self._ask_views(plan.classifiers, seen, covered=covered)
        told: list[_Answer] = []
        for at in range(0, len(hidden), _STRETCHES_AT_ONCE):
            told += await self._ask_views(plan.classifiers, hidden[at : at + _STRETCHES_AT_ONCE])
        findings = _findings([*answers, *_strongest(told)], carried)
        return self._decide(findings, policy, stage, trail, started_ns, text=text)

    async def locate(self, text: str, decision: Decision) -> tuple[Span, ...]:
        """Return the spans of a judged text that the decision's categories come from, sorted.

        Asks the classifiers anew, so only for who needs it. Empty where none can say.

        Raises:
            RequestInvalid: the text has no readable form.
        """

        async def views_of(classifier: str) -> list[View]:
            seen, _ = await self._seen(text)
            languages = self._languages.get(classifier)
            return [piece.view for sight in seen for piece in sight.cut[languages] if not piece.outside]

        return await at_fault(text, decision, self._measurers, views_of)

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

    async def _seen(self, text: str) -> tuple[tuple[_Sight, ...], tuple[_Sight, ...]]:
        """Return a text's views and its stretches; a long one is read in a thread, to hold nobody else up."""
        languages = frozenset(self._languages.values())
        try:
            if len(text) <= _READ_AT_ONCE_CHARS:
                return _read(text, languages)
            async with self._reading:
                return await asyncio.to_thread(_read, text, languages)
        except InvalidText as error:
            raise RequestInvalid(f"The text can't be judged: {error}.") from error

    async def _ask_views(
        self, uses: Sequence[ClassifierUse], seen: Sequence[_Sight], *, covered: bool = False
    ) -> list[_Answer]:
        """What the classifiers say of the sights; `covered` when stretches leave none of the last one out."""
        asked = [
            (use, piece)
            for use in uses
            for sight in self._worth_reading(use.name, seen, covered=covered)
            for piece in sight.cut[self._languages.get(use.name)]
        ]
        answers = await self._ask_all([(use, piece.view.text) for use, piece in asked])
        return [_in_original(answer, piece) for answer, (_, piece) in zip(answers, asked, strict=True)]

    def _worth_reading(self, classifier: str, seen: Sequence[_Sight], *, covered: bool) -> Sequence[_Sight]:
        """All views for a list of words; a trained model, which costs more, skips what it reads otherwise.

        That is what another view undoes further, and the most undone view where stretches cover it.
        """
        if self._languages.get(classifier) is None or seen[-1].whole.name == PART:
            return seen
        last = seen[-1]
        read = [sight for sight in seen if sight is last or sight.whole.name != NORMALISED]
        return read[:-1] if covered and len(read) > 1 else read

    async def _ask_all(self, questions: Sequence[tuple[ClassifierUse, Item]]) -> list[_Answer]:
        if len(questions) == 1:
            return [await self._ask(*questions[0])]
        return list(await asyncio.gather(*(self._ask(use, item) for use, item in questions)))

    async def _ask(self, use: ClassifierUse, item: Item) -> _Answer:
        measurer = self._measurers.get(use.name)
        if measurer is None:
            return _Answer(use.name, failure=Failure(use.name, FailureKind.MISSING))
        try:
            return _Answer(use.name, await measurer.submit(item, use.timeout_ms / 1000))
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


def _read(
    text: str, languages: frozenset[frozenset[str] | None]
) -> tuple[tuple[_Sight, ...], tuple[_Sight, ...]]:
    seen = views(text)
    every = languages | {None}
    return tuple(_sight(view, every) for view in seen), tuple(_sight(view, every) for view in stretches(seen))


def _sight(view: View, languages: frozenset[frozenset[str] | None]) -> _Sight:
    return _Sight(view, {each: (Piece(view),) if each is None else pieces(view, each) for each in languages})


def _strongest(told: Sequence[_Answer]) -> list[_Answer]:
    """Of all stretches, the highest score of each classifier in each category, and every failure.

    A language is not recognised from a few words, so that is left to the whole.
    """
    best: dict[tuple[str, str, bool], Signal] = {}
    for signal in (signal for answer in told for signal in answer.signals):
        key = (signal.classifier, signal.category, signal.outside)
        if signal.category != UNCOVERED_LANGUAGE and (key not in best or signal.score > best[key].score):
            best[key] = signal
    failed = [answer for answer in told if answer.failure is not None]
    return [*failed, *(_Answer(signal.classifier, (signal,)) for signal in best.values())]


def _in_original(answer: _Answer, piece: Piece) -> _Answer:
    """Name the view on every signal, move its spans into the text as written, and mark what is outside."""
    if not answer.signals:
        return answer
    view = piece.view
    whole = (Span(0, len(view.text)),) if view.name == PART else ()
    return replace(
        answer,
        signals=tuple(
            replace(
                s,
                view=view.name,
                spans=tuple(view.to_original(span) for span in s.spans or whole),
                outside=piece.outside,
            )
            for s in answer.signals
        ),
    )


def _findings(answers: Sequence[_Answer], carried: tuple[Signal, ...]) -> Findings:
    failures = tuple(dict.fromkeys(a.failure for a in answers if a.failure is not None))
    failed = {failure.classifier for failure in failures}
    looked = dict.fromkeys(a.classifier for a in answers if a.classifier not in failed)
    signals = tuple(signal for a in answers for signal in a.signals)
    return Findings(signals, failures, tuple(looked), carried)
