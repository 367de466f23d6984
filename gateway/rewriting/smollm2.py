"""The embedded rewriter: SmolLM2-135M-Instruct (Apache-2.0) behind a rule that cuts first.

Duty: the defaults that make a small model useful. Untuned it leaves the violation in most of what it is asked
to clean (measured); so the words at fault are cut by rule, the cut prompt is forced as the beginning of the
answer, and the model only adds a few details. Blind spots: without spans (a classifier that can't say where)
it is asked in words and often fails, and the policy's second judgement then blocks; English only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from classifiers.weights import cache_folder
from gateway.adapter_options import parse_options
from gateway.rewriting.options import ChatOptions
from gateway.rewriting.smollm2_weights import GGUF_SHA256, PACKAGE, converted
from gateway.rewriting.strategy import Strategy
from gateway.rewriting.transformers_chat import TransformersChatRewriter


class SmolLm2Options(ChatOptions):
    """Options of `smollm2`: those of every chat rewriter, and where the converted copy lies."""

    strategy: Strategy = Field(Strategy.CUT, description="`cut` by rule first, or `instruct` the model.")
    max_new_tokens: int = Field(40, ge=1, le=512, description="Longest answer, tokens.")
    cache_dir: Path | None = Field(
        None, description="Folder of the converted copy; default IMAGEGATE_CACHE or ~/.cache/imagegate."
    )

    def cache_folder(self) -> Path:
        """The folder where the converted copy lies."""
        return cache_folder(self.cache_dir)


def from_options(name: str, options: Mapping[str, object]) -> TransformersChatRewriter:
    """Build the embedded rewriter from settings; loads and converts nothing yet.

    Raises:
        ConfigurationError: an option is unknown or out of range; the message names it.
    """
    parsed = parse_options(SmolLm2Options, f"rewriter {name!r}", options)
    folder = parsed.cache_folder()
    return TransformersChatRewriter(
        name, parsed, lambda: converted(folder), revision=f"{PACKAGE}-{GGUF_SHA256[:12]}"
    )
