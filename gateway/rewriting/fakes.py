"""A scripted rewriter for tests: it plays its script, and fails loudly when it has no more.

Duty: stand in for a model. It passes the same contract suite as the real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from gateway.core.errors import RewriteFailed
from gateway.core.ports import ModelIdentity, RewriteRequest
from gateway.rewriting.form import one_line


class ScriptedRewriter:
    """Plays `script` in order: a string is the answer, an exception is raised.

    `requests` holds what was asked. With `checked` false an answer goes out as it stands, whatever its form:
    so a test can see what the pipeline does with it. `delay_ms` passes before each answer.
    """

    def __init__(
        self,
        script: Iterable[str | BaseException],
        *,
        name: str = "scripted",
        checked: bool = True,
        delay_ms: float = 0.0,
    ) -> None:
        self._script = list(script)
        self._checked = checked
        self._delay_ms = delay_ms
        self._running = False
        self.identity = ModelIdentity("rewriter", name, "script", "0" * 64)
        self.requests: list[RewriteRequest] = []

    async def start(self) -> None:
        """Become ready."""
        self._running = True

    async def rewrite(self, request: RewriteRequest) -> str:
        """Return the next line of the script.

        Raises:
            RewriteFailed: not started, closed, or the line has the wrong form.
            AssertionError: the script is used up.
        """
        if not self._running:
            raise RewriteFailed("the rewriter is not running")
        self.requests.append(request)
        if not self._script:
            raise AssertionError(
                f"the scripted rewriter was asked {len(self.requests)} times: script used up"
            )
        line = self._script.pop(0)
        await asyncio.sleep(self._delay_ms / 1000)
        if isinstance(line, BaseException):
            raise line
        return one_line(line, max_chars=1000) if self._checked else line

    async def close(self) -> None:
        """Stop; idempotent."""
        self._running = False
