"""The embedded rewriter: it edits by rule, in six languages, and needs no model.

Duty: `editing` behind the rewriter's port, with an identity of its own, and which language a prompt is in. A
later attempt edits more. The gate also asks it where another rewriter's answer may not be used. Blind spots:
words at fault that are in no list and carry their phrase; six languages alone.
"""

from __future__ import annotations

import hashlib
import inspect
from collections import Counter
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from classifiers.languages.passages import passages
from gateway.core.adapter_options import parse_options
from gateway.core.errors import RewriteFailed
from gateway.core.ports import ModelIdentity, RewriteMode, RewriteRequest
from gateway.rewriting import cutting, editing, reading
from gateway.rewriting import lexicon as lexicons
from gateway.rewriting.lexicon import LANGUAGES, Lexicon, lexicon, words_of

_REVISION: Final = "1"
_READS: Final = frozenset(LANGUAGES)


class EditOptions(BaseModel):
    """Options of `edit`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    max_prompt_chars: int = Field(2000, ge=40, le=32_000, description="Longest prompt that is rewritten.")


class EditRewriter:
    """Answers in about a millisecond; its identity's sha256 is that of its rules and word lists."""

    def __init__(self, name: str, options: EditOptions) -> None:
        parts = [inspect.getsource(module) for module in (editing, reading, cutting, lexicons)]
        parts += [lexicons.source(language) for language in LANGUAGES]
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        self._identity = ModelIdentity("rewriter", name, _REVISION, digest)
        self._options = options
        self._running = False

    @property
    def identity(self) -> ModelIdentity:
        """The rules and lists, as a model goes on record."""
        return self._identity

    @property
    def languages(self) -> frozenset[str]:
        """English, German, Spanish, French, Italian, Portuguese."""
        return _READS

    async def start(self) -> None:
        """Read the word lists."""
        for language in LANGUAGES:
            lexicon(language)
        self._running = True

    async def close(self) -> None:
        """Stop; idempotent."""
        self._running = False

    async def rewrite(self, request: RewriteRequest) -> str:
        """Return the prompt with what is at fault edited away; more of it on a later attempt.

        Raises:
            RewriteFailed: not running, an enhancement is asked for, the prompt is too long, or no word at
                fault can be edited.
        """
        if not self._running:
            raise RewriteFailed("the rewriter is not running")
        if request.mode is not RewriteMode.SAFETY:
            raise RewriteFailed("a rule that edits has nothing to add")
        if len(request.prompt) > self._options.max_prompt_chars:
            raise RewriteFailed(f"prompts over {self._options.max_prompt_chars} characters are not rewritten")
        words = _lexicon_of(request.prompt)
        line = editing.edit(request.prompt, request.spans, request.categories, words, level=request.attempt)
        if not any(char.isalpha() for char in line):
            raise RewriteFailed("nothing is left of the prompt without the words at fault")
        return line


def from_options(name: str, options: Mapping[str, object]) -> EditRewriter:
    """Build it.

    Raises:
        ConfigurationError: an option is unknown or out of range.
    """
    return EditRewriter(name, parse_options(EditOptions, f"rewriter {name!r}", options))


def _lexicon_of(prompt: str) -> Lexicon:
    """The list of the prompt's language; where that is not clear, the one that knows most of its words."""
    clear = Counter[str]()
    for passage in passages(prompt, _READS):
        if passage.language in _READS:
            clear[passage.language] += passage.end - passage.start
    if len(clear) == 1:
        return lexicon(next(iter(clear)))
    words = words_of(prompt)
    return max((lexicon(language) for language in LANGUAGES), key=lambda one: _known(words, one))


def _known(words: list[str], one: Lexicon) -> int:
    return sum((word in one.function) + ((word,) in one.terms or (word,) in one.nouns) for word in words)
