"""Make a rewritable prompt safe, or enrich an allowed one, and trust the rewriter with nothing.

The order is the safety:
  1. only a prompt whose action was `rewrite` is rewritten; `block` and `hold` pass through unchanged
  2. an attempt has a time limit, a fixed form, and a bounded drift from the prompt of the request
  3. every rewrite is judged by the same policy, whole and in its parts, and only what that allows is used
  4. a rewriter is asked in the languages that it reads alone; without one the request is withheld
  5. what called for the rewrite has really fallen: words that say something changed, and each score went down
  6. the second attempt cuts the words at fault by rule; after the last one the request is withheld
  7. a prompt-injection attempt gets one try: a cut would keep its frame, and what is left in it
An allowed prompt is enriched only where the policy's mode is `enhance` and the request lets it. An
enhancement that fails in any way leaves the prompt as it was allowed, on record: that opens nothing.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Final

from classifiers.languages.cutting import pieces
from classifiers.normalize import ORIGINAL, View
from classifiers.signals import Span
from classifiers.steering import PART
from gateway.core.boundary import leashed, plugin_boundary
from gateway.core.errors import GatewayError, RewriteFailed
from gateway.core.outcomes import RewriteTrace
from gateway.core.ports import ModelIdentity, RewriteMode, Rewriter, RewriteRequest, languages_of
from gateway.core.requests import ImageRequest
from gateway.pipeline.drift import Drift, DriftGauge
from gateway.pipeline.edits import changed
from gateway.pipeline.fallen import has_fallen
from gateway.pipeline.judge import Judge, require_measured
from gateway.pipeline.record_fields import RewriteAttempt
from gateway.pipeline.rewrite_faults import Malformed, RewriteFault, one_bounded_line, reason_of
from gateway.pipeline.sentences import parts_of
from gateway.pipeline.trail import Trail
from policies.decision import Action, Decision, Stage
from policies.policy import Policy, RewritePlan

_NO_USE_ASKING_AGAIN: Final = frozenset({RewriteFault.FAILED, RewriteFault.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Settled:
    """How the prompt stages ended: the deciding decision, what follows, and the prompt that may be drawn.

    `trace` is set when `prompt` is a rewrite; `reason` and `fault` when no rewrite may be used.
    """

    decision: Decision
    action: Action
    prompt: str
    trace: RewriteTrace | None = None
    fault: RewriteFault | None = None

    @property
    def reason(self) -> str | None:
        """The public reason of a rewrite that failed; else the decision has it."""
        return None if self.fault is None else reason_of(self.fault)


@dataclass(frozen=True, slots=True)
class _Work:
    """What an attempt starts from: a text, what was found in it, and the words that it comes from."""

    text: str
    found: Decision
    spans: tuple[Span, ...] = ()

    @property
    def steers(self) -> bool:
        """True when the text is a prompt-injection attempt, so that it was judged stretch by stretch."""
        return _steers(self.found)

    def request(self, attempt: int) -> RewriteRequest:
        """What the rewriter gets to know of it."""
        return rewrite_request(self.text, self.found, self.spans, attempt)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What came of one attempt: a line with its drift, or a fault."""

    rewritten: str | None
    drift: Drift | None = None
    fault: RewriteFault | None = None


class RewriteStage:
    """Asks the rewriter, at most `policy.rewrite.max_attempts` times, and has each answer judged.

    `cutter` is the rule that edits the words at fault away; it needs no model. It may be the rewriter itself.
    """

    def __init__(
        self, judge: Judge, rewriter: Rewriter | None, *, cutter: Rewriter, gauge: DriftGauge
    ) -> None:
        self._judge = judge
        self._rewriter = rewriter
        self._cutter = cutter
        self._gauge = gauge

    async def start(self) -> None:
        """Load what measures drift; nothing where no rewriter is configured."""
        if self._rewriter is not None:
            await self._cutter.start()
            await self._gauge.start()

    @property
    def models(self) -> tuple[ModelIdentity, ...]:
        """What works beside the rewriter, as it goes on record; nothing where no rewriter is configured."""
        if self._rewriter is None:
            return ()
        if self._rewriter is self._cutter:
            return (ModelIdentity("drift", "embedding", self._gauge.revision),)
        return (self._cutter.identity, ModelIdentity("drift", "embedding", self._gauge.revision))

    async def run(self, request: ImageRequest, decision: Decision, policy: Policy, trail: Trail) -> Settled:
        """Return what may be drawn, or what ends the request.

        Raises:
            ClassifierUnavailable, StageTimeout: a rewritten prompt could not be judged.
        """
        rewriter = self._rewriter
        off = rewriter is None or not request.rewrite or policy.rewrite.mode == "off" or not request.prompt
        if decision.action is Action.REWRITE:
            if rewriter is None or off:
                return _failed(request, decision, policy.rewrite, RewriteFault.OFF)
            return await self._mend(rewriter, request, decision, policy, trail)
        if decision.action is Action.ALLOW and policy.rewrite.mode == "enhance" and rewriter and not off:
            return await self._enhance(rewriter, request, decision, policy, trail)
        return Settled(decision, decision.action, request.prompt)

    async def _mend(
        self, rewriter: Rewriter, request: ImageRequest, decision: Decision, policy: Policy, trail: Trail
    ) -> Settled:
        first = work = await self._work(request.prompt, decision)
        fault, last = RewriteFault.OFFENDS, decision
        attempts = 1 if first.steers else policy.rewrite.max_attempts
        able = [one for one in (rewriter, self._cutter) if reads(one, request.prompt)]
        if not able:
            return _failed(request, decision, policy.rewrite, RewriteFault.UNREAD)
        alone = rewriter is self._cutter  # a rewriter that edits by rule itself has no other rule behind it
        for number in range(attempts):
            asked = work.request(number)
            used = self._cutter if number > 0 and asked.spans and self._cutter in able else able[0]
            if number > 0 and used is rewriter and not alone and fault in _NO_USE_ASKING_AGAIN:
                break
            attempt = await self._attempt(used, asked, first, policy.rewrite, trail)
            if attempt.rewritten is None or attempt.drift is None:
                if number > 0 and used is self._cutter and not alone:
                    break  # no cut is possible: the fault of the attempt before counts
                fault = attempt.fault or RewriteFault.FAILED
                continue
            last = require_measured(await self._recheck(attempt.rewritten, decision, policy, trail))
            framed = first.steers and _steers(last)  # what a frame hides may be there too
            if (
                last.action is Action.ALLOW
                and not framed
                and has_fallen(first.text, attempt.rewritten, decision, last)
            ):
                trace = _trace(first, used, attempt.rewritten, attempt.drift, attempts=number + 1)
                return Settled(last, Action.ALLOW, attempt.rewritten, trace)
            fault = RewriteFault.OFFENDS
            if last.action is Action.ALLOW or (used is not self._cutter and first.spans):
                continue  # the cut begins with the words as they were written
            if last.action is not Action.REWRITE and not alone:
                break
            if number + 1 < attempts:
                work = await self._work(attempt.rewritten, last)  # each attempt can only take more away
        return _failed(request, last, policy.rewrite, fault)

    async def _work(self, text: str, found: Decision) -> _Work:
        return _Work(text, found, await self._judge.locate(text, found))

    async def _enhance(
        self, rewriter: Rewriter, request: ImageRequest, decision: Decision, policy: Policy, trail: Trail
    ) -> Settled:
        asked = enhance_request(request.prompt)
        first = _Work(request.prompt, decision)
        attempt = await self._attempt(rewriter, asked, first, policy.rewrite, trail)
        if attempt.rewritten is not None and attempt.drift is not None:
            found = await self._recheck(attempt.rewritten, decision, policy, trail)
            if found.action is Action.ALLOW:
                trace = _trace(first, rewriter, attempt.rewritten, attempt.drift)
                return Settled(found, Action.ALLOW, attempt.rewritten, replace(trace, mode=asked.mode))
        return Settled(decision, Action.ALLOW, request.prompt)

    async def _recheck(self, rewritten: str, first: Decision, policy: Policy, trail: Trail) -> Decision:
        """Judge a rewrite, then each of its parts; the first decision that does not allow is the answer.

        What else the request brought still counts for the locked rules.
        """
        carried = first.findings.carried
        whole = None
        for text in (rewritten, *parts_of(rewritten)):
            found = await self._judge.text(
                text, policy=policy, trail=trail, stage=Stage.PROMPT_RECHECK, carried=carried
            )
            whole = whole or found
            if found.action is not Action.ALLOW:
                return found
        assert whole is not None
        return whole

    async def _attempt(
        self, rewriter: Rewriter, asked: RewriteRequest, first: _Work, plan: RewritePlan, trail: Trail
    ) -> _Attempt:
        """Ask once; whatever goes wrong is a fault, and the attempt is on record."""
        started_ns = time.monotonic_ns()
        attempt = _Attempt(None)
        error: str | None = None
        try:
            async with asyncio.timeout(plan.timeout_ms / 1000):
                with plugin_boundary(RewriteFailed, "The rewriter"):
                    line = one_bounded_line(await leashed(rewriter.rewrite(asked)))
                with plugin_boundary(RewriteFailed, "The drift measurement"):
                    drift = await leashed(self._drift(first, line, used=rewriter, mode=asked.mode, plan=plan))
                attempt = _Attempt(line, drift)
        except TimeoutError:
            attempt, error = _Attempt(None, fault=RewriteFault.TIMED_OUT), "StageTimeout"
        except Malformed as malformed:
            attempt, error = _Attempt(None, fault=malformed.fault), "Malformed"
        except GatewayError as failed:
            attempt, error = _Attempt(None, fault=RewriteFault.FAILED), type(failed).__name__
        rewritten = attempt.rewritten
        if attempt.drift is not None and attempt.drift.faults:
            fault = RewriteFault.of_drift(attempt.drift)
            attempt, error = _Attempt(None, attempt.drift, fault), "Drifted"
        trail.rewrite(
            RewriteAttempt(
                model=rewriter.identity,
                mode=asked.mode,
                number=asked.attempt,
                latency_us=(time.monotonic_ns() - started_ns) // 1000,
                prompt=asked.prompt,
                rewritten=rewritten,
                categories=first.found.categories,
                changed=len(changed(first.text, rewritten)) if rewritten is not None else 0,
                drift=attempt.drift,
                max_drift=plan.max_drift,
                drift_model=self._gauge.revision,
                error=error,
                fault=None if attempt.fault is None else attempt.fault.value,
            )
        )
        return attempt

    async def _drift(
        self, first: _Work, line: str, *, used: Rewriter, mode: RewriteMode, plan: RewritePlan
    ) -> Drift:
        spans = first.spans
        if used is self._cutter:  # our own rule: what it changed is what its list calls at fault
            spans = (*spans, *changed(first.text, line))
        return await self._gauge.measure(first.text, line, spans, mode=mode, max_drift=plan.max_drift)


def _steers(found: Decision) -> bool:
    return any(signal.view == PART for signal in found.findings.signals)


def reads(rewriter: Rewriter, text: str) -> bool:
    """True when no part of the text is clearly in a language that the rewriter's own list doesn't name."""
    languages = languages_of(rewriter)
    if languages is None:
        return True
    whole = View(ORIGINAL, text, range(len(text)), range(1, len(text) + 1))
    return not any(piece.outside for piece in pieces(whole, languages))


def rewrite_request(text: str, found: Decision, spans: tuple[Span, ...], attempt: int = 0) -> RewriteRequest:
    """Tell a rewriter which categories were found, and where; nothing of the policy, no scores."""
    return RewriteRequest(text, found.categories, spans, attempt)


def enhance_request(text: str) -> RewriteRequest:
    """Ask for visual details around an allowed prompt."""
    return RewriteRequest(text, (), (), 0, RewriteMode.ENHANCE)


def _failed(request: ImageRequest, found: Decision, plan: RewritePlan, fault: RewriteFault) -> Settled:
    return Settled(found, plan.on_failure, request.prompt, fault=fault)


def _trace(first: _Work, used: Rewriter, rewritten: str, drift: Drift, *, attempts: int = 1) -> RewriteTrace:
    return RewriteTrace(
        prompt=rewritten,
        attempts=attempts,
        called_for=first.found,
        model=used.identity,
        changed=changed(first.text, rewritten),
        drift=drift.distance,
    )
