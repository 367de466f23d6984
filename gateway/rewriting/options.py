"""Options of the chat rewriters, as an operator writes them under `rewriter.options`.

Duty: names, ranges and defaults. It loads nothing.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.rewriting.strategy import FRAMES, Frame, FrameName, Strategy

_STRICT = ConfigDict(extra="forbid", frozen=True)


class Example(BaseModel):
    """One few-shot turn of the operator's own."""

    model_config = _STRICT
    user: str = Field(min_length=1, description='What the user asks: "Leave out violence: …".')
    assistant: str = Field(min_length=1, description="The clean prompt wanted.")


class ChatOptions(BaseModel):
    """Options shared by every chat rewriter."""

    model_config = _STRICT
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field("auto", description="Arithmetic.")
    device: str = Field("cpu", description="torch device: cpu, cuda, cuda:1, …")
    threads: int = Field(1, ge=1, description="Intra-op threads of the worker.")
    strategy: Strategy = Field(Strategy.INSTRUCT, description="`instruct` the model, or `cut` by rule first.")
    system: str | None = Field(None, min_length=1, description="System text instead of the built-in one.")
    examples: tuple[Example, ...] | None = Field(None, description="Few-shot turns instead of the built-in.")
    max_new_tokens: int = Field(64, ge=1, le=512, description="Longest answer, tokens.")
    detail_tokens: int = Field(24, ge=0, le=128, description="Details added to a cut prompt, tokens.")
    repetition_penalty: float = Field(1.1, ge=1.0, le=2.0, description="1 = none.")
    max_chars: int = Field(1000, ge=40, le=2000, description="Longest rewritten prompt, characters.")
    max_prompt_chars: int = Field(2000, ge=40, le=32_000, description="Longest prompt that is rewritten.")
    max_batch: int = Field(8, ge=1, le=64, description="Rewrites in one forward pass.")
    queue_limit: int = Field(32, ge=1, description="Rewrites that may wait; beyond it 503.")

    def frames(self) -> dict[FrameName, Frame]:
        """The built-in frames, with the operator's system text and examples in the remove frame."""
        remove = FRAMES[FrameName.REMOVE]
        turns = remove.turns
        if self.examples is not None:
            turns = tuple((example.user, example.assistant) for example in self.examples)
        return {**FRAMES, FrameName.REMOVE: Frame(self.system or remove.system, turns)}


class TransformersChatOptions(ChatOptions):
    """Options of `transformers-chat`."""

    model: str = Field(min_length=1, description="Folder, or hub id with a pinned revision.")
    revision: str | None = Field(None, description="Commit of the hub id; required for one.")
    offline: bool = Field(True, description="Take the hub's cache and never ask the hub.")
    sha256: dict[str, str] | None = Field(None, description="File name → digest that it must have.")
