"""A rewriter and a judge that remember: each question is asked once, so that an answer can be used twice.

Duty: the same ports around the real parts, with a memory. Measuring only.
"""

from __future__ import annotations

from collections.abc import Mapping

from classifiers.signals import Signal
from gateway.core.errors import GatewayError
from gateway.core.ports import ModelIdentity, Rewriter, RewriteRequest, languages_of
from gateway.pipeline.judge import Judge, Measurer
from gateway.pipeline.trail import Trail
from policies.decision import Decision, Stage
from policies.policy import Policy


class Remembering:
    """Answers as `inner` does, and never asks it the same twice."""

    def __init__(self, inner: Rewriter) -> None:
        self._inner = inner
        self._told: dict[RewriteRequest, str | GatewayError] = {}

    @property
    def identity(self) -> ModelIdentity:
        """The inner rewriter's."""
        return self._inner.identity

    @property
    def languages(self) -> frozenset[str] | None:
        """The inner rewriter's."""
        return languages_of(self._inner)

    @property
    def answers(self) -> tuple[str, ...]:
        """Every line that was answered."""
        return tuple(told for told in self._told.values() if isinstance(told, str))

    async def start(self) -> None:
        """Load the inner rewriter."""
        await self._inner.start()

    async def close(self) -> None:
        """Close the inner rewriter."""
        await self._inner.close()

    async def rewrite(self, request: RewriteRequest) -> str:
        """Return the answer, remembered or new. Raises what the inner rewriter raised."""
        if request not in self._told:
            try:
                self._told[request] = await self._inner.rewrite(request)
            except GatewayError as error:
                self._told[request] = error
        told = self._told[request]
        if isinstance(told, GatewayError):
            raise told
        return told


class RememberingJudge(Judge):
    """Judges each text once a stage; good for one policy, whatever its rewrite section says."""

    def __init__(self, measurers: Mapping[str, Measurer]) -> None:
        super().__init__(measurers)
        self._known: dict[tuple[str, Stage], Decision] = {}

    async def text(
        self,
        text: str,
        *,
        policy: Policy,
        trail: Trail,
        stage: Stage = Stage.PROMPT,
        carried: tuple[Signal, ...] = (),
    ) -> Decision:
        """Return the decision, remembered or new; one with evidence of another part is always new."""
        key = (text, stage)
        if carried:
            return await super().text(text, policy=policy, trail=trail, stage=stage, carried=carried)
        if key not in self._known:
            self._known[key] = await super().text(text, policy=policy, trail=trail, stage=stage)
        return self._known[key]
