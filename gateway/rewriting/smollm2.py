"""The embedded rewriter: SmolLM2-135M-Instruct (Apache-2.0) with an adapter trained for this one task.

Duty: the embedded model's place and defaults. On a CPU it runs as an 8-bit graph, else as PyTorch. The
strategy `tuned` asks the model with the adapter (`models/rewriter`, made by `training/rewriter`); `cut` and
`instruct` use the model as its authors made it, which leaves the violation in most of what it is asked to
clean. Blind spots: English only, short prompts; what it overlooks the policy's second judgement finds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import Field

from classifiers.embedded import embedded_folder
from classifiers.protocol import ClassifierConfigError
from classifiers.weights import cache_folder, check_sha256, read_sums
from gateway.core.adapter_options import parse_options
from gateway.core.errors import ConfigurationError
from gateway.rewriting.chat_engine import ChatEngine
from gateway.rewriting.llama_engine import LlamaEngine
from gateway.rewriting.llama_weights import PEAKS, GraphSource, as_graph
from gateway.rewriting.lora import CONFIG, WEIGHTS
from gateway.rewriting.options import ChatOptions, Code
from gateway.rewriting.smollm2_weights import GGUF_SHA256, PACKAGE, converted
from gateway.rewriting.source import RewriterWeights
from gateway.rewriting.strategy import Strategy
from gateway.rewriting.transformers_chat import TransformersChatRewriter

ADAPTER: Final = embedded_folder("rewriter")
"""Beside the checkout; another place is the option `adapter`."""


class SmolLm2Options(ChatOptions):
    """Options of `smollm2`: those of every chat rewriter, the adapter, and where made copies lie."""

    strategy: Strategy = Field(
        Strategy.TUNED,
        description="Ask the `tuned` model, `cut` by rule first, or `instruct` the untuned one.",
    )
    max_new_tokens: int = Field(160, ge=1, le=512, description="Longest answer, tokens.")
    languages: tuple[Code, ...] | None = Field(("en",), min_length=1, description="Languages that it reads.")
    adapter: Path | None = Field(
        None, description="Folder of another adapter; default models/rewriter. Only for `tuned`."
    )
    cache_dir: Path | None = Field(
        None, description="Folder of the made copies; default IMAGEGATE_CACHE or ~/.cache/imagegate."
    )

    def cache_folder(self) -> Path:
        """The folder where the made copies lie."""
        return cache_folder(self.cache_dir)


def from_options(name: str, options: Mapping[str, object]) -> TransformersChatRewriter:
    """Build the embedded rewriter from settings; loads and converts nothing yet.

    Raises:
        ConfigurationError: an option is unknown or out of range (the message names it), or the adapter is
            missing or damaged.
    """
    parsed = parse_options(SmolLm2Options, f"rewriter {name!r}", options)
    if parsed.adapter is not None and parsed.strategy is not Strategy.TUNED:
        raise ConfigurationError(f"rewriter {name!r}: adapter: only the strategy tuned uses an adapter")
    folder = parsed.cache_folder()
    adapter = (parsed.adapter or ADAPTER) if parsed.strategy is Strategy.TUNED else None
    revision, sha256 = f"{PACKAGE}-{GGUF_SHA256[:12]}", GGUF_SHA256
    if adapter is not None:
        digest = adapter_digest(adapter)
        revision = f"{revision}+{digest[:12]}"
        sha256 = hashlib.sha256(f"{GGUF_SHA256}\n{digest}".encode()).hexdigest()
    on_graph = parsed.device == "cpu" and parsed.dtype == "auto"

    def fetch() -> RewriterWeights:
        if not on_graph:
            return RewriterWeights(converted(folder).folder, revision, sha256, adapter)
        peaks = (adapter or ADAPTER) / PEAKS
        source = GraphSource(
            lambda: converted(folder).folder, GGUF_SHA256, adapter, peaks if peaks.is_file() else None
        )
        return RewriterWeights(as_graph(source, folder), revision, sha256)

    return TransformersChatRewriter(
        name, parsed, fetch, revision=revision, engine=LlamaEngine if on_graph else ChatEngine
    )


def adapter_digest(folder: Path) -> str:
    """The sha256 of an adapter's weights, after checking its files against the sums that ship with it.

    Raises:
        ConfigurationError: a file is missing, or is another one than the sums say.
    """
    try:
        listed = read_sums(folder)
        for file in (CONFIG, WEIGHTS):
            check_sha256(folder / file, listed[file])
    except (OSError, KeyError, ClassifierConfigError) as error:
        raise ConfigurationError(
            f"rewriter smollm2: no whole adapter in {folder} ({error}); check out models/rewriter whole "
            "(training/rewriter rebuilds it), or set strategy to cut"
        ) from error
    return listed[WEIGHTS]
