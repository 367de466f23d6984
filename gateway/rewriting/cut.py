"""The rewriter without a model: the words at fault are cut by rule, and nothing is added.

Duty: `cutting` behind the rewriter's port, with an identity of its own. The gate asks it where a model's
rewrite may not be used; it can also be named in the settings, as the only rewriter.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict

from gateway.core.adapter_options import parse_options
from gateway.core.errors import RewriteFailed
from gateway.core.ports import ModelIdentity, RewriteMode, RewriteRequest
from gateway.rewriting import cutting

_REVISION: Final = "1"


class CutOptions(BaseModel):
    """There is nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CutRewriter:
    """Answers in microseconds; its identity's sha256 is that of the rules' source."""

    def __init__(self, name: str) -> None:
        source = inspect.getsource(cutting).encode()
        self._identity = ModelIdentity("rewriter", name, _REVISION, hashlib.sha256(source).hexdigest())
        self._running = False

    @property
    def identity(self) -> ModelIdentity:
        """The rules, as a model goes on record."""
        return self._identity

    @property
    def languages(self) -> frozenset[str]:
        """English: its grammar knows no other."""
        return frozenset({"en"})

    async def start(self) -> None:
        """Become ready; nothing is loaded."""
        self._running = True

    async def close(self) -> None:
        """Stop; idempotent."""
        self._running = False

    async def rewrite(self, request: RewriteRequest) -> str:
        """Return the prompt without the words that the spans touch.

        Raises:
            RewriteFailed: not running, an enhancement is asked for, no span says where, or hardly anything
                is left.
        """
        if not self._running:
            raise RewriteFailed("the rewriter is not running")
        if request.mode is not RewriteMode.SAFETY:
            raise RewriteFailed("a rule that cuts has nothing to add")
        if not request.spans:
            raise RewriteFailed("no classifier says which words are at fault")
        left = cutting.cut(request.prompt, request.spans)
        if not cutting.has_subject(left):
            raise RewriteFailed("nothing is left of the prompt without the words at fault")
        return left


def from_options(name: str, options: Mapping[str, object]) -> CutRewriter:
    """Build it; it has no options.

    Raises:
        ConfigurationError: an option is given.
    """
    parse_options(CutOptions, f"rewriter {name!r}", options)
    return CutRewriter(name)
