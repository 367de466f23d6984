"""A rewriter as somebody else would write it: a rule, no model.

[project.entry-points."imagegate.rewriters"]
blanking = "blanking:BlankingRewriter.from_options"
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.errors import ConfigurationError, RewriteFailed
from gateway.core.ports import ModelIdentity, RewriteMode, RewriteRequest


class BlankingRewriter:
    """Puts a harmless word where the spans at fault are. What it answers is judged like any prompt."""

    def __init__(self, word: str) -> None:
        self._word = word
        self._running = False

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> BlankingRewriter:
        """Return the rewriter that the settings describe.

        Raises:
            ConfigurationError: an option is wrong.
        """
        word = options.get("word", "something")
        if not isinstance(word, str) or not word.isalpha():
            raise ConfigurationError(f"rewriter {name!r}: word must be one word of letters")
        return cls(word)

    @property
    def identity(self) -> ModelIdentity:
        """Which rule this is, as it goes on record; the sha256 stays empty where there are no weights."""
        return ModelIdentity("rewriter", "blanking", f"1-{self._word}")

    async def start(self) -> None:
        """Become ready; a model would be loaded here, in a thread."""
        self._running = True

    async def rewrite(self, request: RewriteRequest) -> str:
        """Return one line.

        Raises:
            RewriteFailed: not running, or it was asked for what it can't do.
        """
        if not self._running:
            raise RewriteFailed("the rewriter is not running")
        if request.mode is RewriteMode.ENHANCE:
            raise RewriteFailed("this rewriter does not enhance")
        text = request.prompt
        for span in sorted(request.spans, key=lambda span: span.start, reverse=True):
            text = f"{text[: span.start]}{self._word}{text[span.end :]}"
        return " ".join(text.split()) if request.spans else self._word

    async def close(self) -> None:
        """Stop; idempotent."""
        self._running = False
