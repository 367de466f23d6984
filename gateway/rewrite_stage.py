"""Make a rewritable prompt safe, and trust the rewriter with nothing.

Only prompts whose action was `rewrite` get here. Every rewrite is judged by the same policy; a later attempt
works on the last rewrite and on what was found in it, so that each attempt can only take more away. An error,
a time-out, a wrong form or a rewrite that still offends ends in a block with its own reason, on record.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from gateway.boundary import leashed, plugin_boundary
from gateway.errors import GatewayError, RewriteFailed
from gateway.judge import Judge, require_measured
from gateway.outcomes import RewriteTrace
from gateway.ports import Rewriter, RewriteRequest
from gateway.requests import ImageRequest
from gateway.trail import Trail
from policies.decision import Action, Decision, Stage
from policies.policy import Policy

MAX_REWRITTEN_CHARS = 2000

_OFF = "The prompt would need rewriting, and rewriting is switched off."
_FAILED = "The prompt could not be made safe: the rewriter failed."
_TIMED_OUT = "The prompt could not be made safe: the rewriter did not answer in time."
_MALFORMED = "The prompt could not be made safe: the rewrite had the wrong form."
_OFFENDS = "The prompt could not be made safe: the rewrite still offends."


@dataclass(frozen=True, slots=True)
class Rewrite:
    """How the stage ended: the deciding decision, and the trace (allowed) or the public reason (blocked)."""

    decision: Decision
    trace: RewriteTrace | None = None
    reason: str | None = None


class RewriteStage:
    """Asks the rewriter, at most `policy.rewrite.max_attempts` times, and has each answer judged."""

    def __init__(self, judge: Judge, rewriter: Rewriter | None) -> None:
        self._judge = judge
        self._rewriter = rewriter

    async def run(self, request: ImageRequest, decision: Decision, policy: Policy, trail: Trail) -> Rewrite:
        """Return a rewrite that the policy allows, or the block that ends the request.

        Raises:
            ClassifierUnavailable, StageTimeout: the rewrite could not be judged.
        """
        if self._rewriter is None or not request.rewrite or policy.rewrite.mode == "off":
            return Rewrite(decision, reason=_OFF)
        prompt, found = request.prompt, decision
        for attempt in range(policy.rewrite.max_attempts):
            rewritten, reason = await self._attempt(self._rewriter, prompt, found, attempt, policy, trail)
            if rewritten is None:
                return Rewrite(found, reason=reason)
            prompt = rewritten
            found = require_measured(
                await self._judge.text(prompt, policy=policy, trail=trail, stage=Stage.PROMPT_RECHECK)
            )
            if found.action is Action.ALLOW:
                trace = RewriteTrace(prompt, attempt + 1, decision, self._rewriter.identity)
                return Rewrite(found, trace)
            if found.action is not Action.REWRITE:
                break
        return Rewrite(found, reason=_OFFENDS)

    async def _attempt(  # noqa: PLR0917
        self, rewriter: Rewriter, prompt: str, found: Decision, attempt: int, policy: Policy, trail: Trail
    ) -> tuple[str | None, str | None]:
        started_ns = time.monotonic_ns()
        rewritten: str | None = None
        failure, reason = None, None
        try:
            async with asyncio.timeout(policy.rewrite.timeout_ms / 1000):
                with plugin_boundary(RewriteFailed, "The rewriter"):
                    rewritten = _checked(await leashed(rewriter.rewrite(_request(prompt, found, attempt))))
        except TimeoutError:
            failure, reason = "StageTimeout", _TIMED_OUT
        except _Malformed:
            failure, reason = "Malformed", _MALFORMED
        except GatewayError as error:
            failure, reason = type(error).__name__, _FAILED
        trail.rewrite(
            model=rewriter.identity,
            attempt=attempt,
            latency_us=(time.monotonic_ns() - started_ns) // 1000,
            rewritten=rewritten,
            failure=failure,
        )
        return rewritten, reason


class _Malformed(RewriteFailed):
    """The rewriter's answer is not one bounded, printable line."""


def _request(prompt: str, found: Decision, attempt: int) -> RewriteRequest:
    """Tell the rewriter which categories were found where; nothing of the policy, no scores."""
    rules = {hit.category for hit in found.rules}
    spans = {span for signal in found.findings.signals if signal.category in rules for span in signal.spans}
    ordered = tuple(sorted(spans, key=lambda span: (span.start, span.end)))
    return RewriteRequest(prompt, found.categories, ordered, attempt)


def _checked(rewritten: object) -> str:
    if not isinstance(rewritten, str):
        raise _Malformed("The rewriter answered no text.")
    line = rewritten.strip()
    if not line or len(line) > MAX_REWRITTEN_CHARS or not line.isprintable():
        raise _Malformed("The rewriter answered no single, bounded, printable line.")
    return line
