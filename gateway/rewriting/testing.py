"""The contract suite that every rewriter passes; a third party subclasses it and overrides `make_rewriter`.

Duty: the promises of `gateway.core.ports.Rewriter` as tests. It needs pytest with pytest-asyncio (auto mode).
"""

from __future__ import annotations

import asyncio

import pytest

from classifiers.signals import Span
from gateway.core.errors import GatewayError, RewriteFailed
from gateway.core.ports import Rewriter, RewriteRequest

_PROMPT = "a damn old car on a quiet street"
_SPAN = Span(2, 6)


class RewriterContract:
    """Subclass with a name that pytest collects. Each test makes its own rewriter."""

    max_chars = 2000
    """The longest line that this rewriter may answer with."""

    has_weights = True
    """False for a rewriter that asks a server: then its identity has no sha256."""

    def make_rewriter(self) -> Rewriter:
        """Return a rewriter that has not been started and can serve at least sixteen requests."""
        raise NotImplementedError

    def make_request(self, *, attempt: int = 0, spans: bool = True) -> RewriteRequest:
        """Return a mild request, with or without spans."""
        return RewriteRequest(_PROMPT, ("profanity",), (_SPAN,) if spans else (), attempt)

    async def test_identity_names_the_weights(self) -> None:
        """A started rewriter says its role, name, revision and the sha256 of its weights."""
        rewriter = await self._started()
        try:
            identity = rewriter.identity
            assert identity.role == "rewriter"
            assert identity.name
            assert identity.revision
            assert (identity.sha256 is not None) is self.has_weights
            assert len(bytes.fromhex(identity.sha256 or "")) == (32 if self.has_weights else 0)
        finally:
            await rewriter.close()

    @pytest.mark.parametrize("attempt", [0, 1])
    @pytest.mark.parametrize("spans", [True, False])
    async def test_answers_one_printable_bounded_line(self, attempt: int, spans: bool) -> None:
        """Every answer is one non-empty printable line of bounded length, or a RewriteFailed."""
        rewriter = await self._started()
        try:
            line = await rewriter.rewrite(self.make_request(attempt=attempt, spans=spans))
        except RewriteFailed:
            return
        finally:
            await rewriter.close()
        assert line.strip() == line != ""
        assert line.isprintable()
        assert len(line) <= self.max_chars

    async def test_many_at_once_each_get_an_answer(self) -> None:
        """Concurrent requests are all answered, with a line or with one of our errors."""
        rewriter = await self._started()
        try:
            answers = await asyncio.gather(
                *(rewriter.rewrite(self.make_request()) for _ in range(8)), return_exceptions=True
            )
        finally:
            await rewriter.close()
        assert len(answers) == 8
        assert all(isinstance(answer, str | GatewayError) for answer in answers)

    async def test_a_cancelled_request_harms_no_other(self) -> None:
        """Cancelling one of two requests leaves the other with the answer that it gets alone."""
        rewriter = await self._started()
        try:
            alone = await _outcome(rewriter, self.make_request())
            first = asyncio.create_task(rewriter.rewrite(self.make_request()))
            second = asyncio.create_task(_outcome(rewriter, self.make_request()))
            await asyncio.sleep(0)
            first.cancel()
            assert await second == alone
        finally:
            await rewriter.close()

    async def test_refuses_when_not_running(self) -> None:
        """Before start and after close a request that needs the model fails at once, and close repeats."""
        rewriter = self.make_rewriter()
        with pytest.raises(RewriteFailed):
            await rewriter.rewrite(self.make_request(spans=False))
        await rewriter.start()
        await rewriter.close()
        await rewriter.close()
        with pytest.raises(RewriteFailed):
            await rewriter.rewrite(self.make_request(spans=False))

    async def _started(self) -> Rewriter:
        rewriter = self.make_rewriter()
        await rewriter.start()
        return rewriter


async def _outcome(rewriter: Rewriter, request: RewriteRequest) -> str:
    try:
        return await rewriter.rewrite(request)
    except RewriteFailed as error:
        return f"failed: {error.message}"
