"""Options of the chat rewriters, as an operator writes them under `rewriter.options`.

Duty: names, ranges and defaults. It loads nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.rewriting.strategy import FRAMES, TUNED_FRAMES, Frame, FrameName, Strategy

Code: TypeAlias = Annotated[str, Field(pattern="^[a-z]{2}$")]
"""A language's two letters."""
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
    strategy: Strategy = Field(
        Strategy.INSTRUCT, description="`instruct` the model, `cut` by rule first, or a `tuned` model's own."
    )
    system: str | None = Field(None, min_length=1, description="System text instead of the built-in one.")
    examples: tuple[Example, ...] | None = Field(None, description="Few-shot turns instead of the built-in.")
    max_new_tokens: int = Field(64, ge=1, le=512, description="Longest answer, tokens.")
    detail_tokens: int = Field(24, ge=0, le=128, description="Details added to a cut prompt, tokens.")
    repetition_penalty: float | None = Field(
        None, ge=1.0, le=2.0, description="1 = none; default 1.1, and 1 for the strategy `tuned`."
    )
    languages: tuple[Code, ...] | None = Field(
        None,
        min_length=1,
        description="Languages that it reads, as [en, de]; absent = any. Others are blocked.",
    )
    max_chars: int = Field(1000, ge=40, le=2000, description="Longest rewritten prompt, characters.")
    max_prompt_chars: int = Field(2000, ge=40, le=32_000, description="Longest prompt that is rewritten.")
    max_batch: int = Field(8, ge=1, le=64, description="Rewrites in one forward pass.")
    queue_limit: int = Field(32, ge=1, description="Rewrites that may wait; beyond it 503.")

    @model_validator(mode="after")
    def _tuned_wording_is_fixed(self) -> Self:
        given = self.model_fields_set & {"system", "examples", "detail_tokens"}
        if self.strategy is Strategy.TUNED and given:
            raise ValueError(
                f"{', '.join(sorted(given))}: the tuned model knows its own wording alone; set strategy to "
                "instruct or cut"
            )
        return self

    @property
    def penalty(self) -> float:
        """The repetition penalty in force."""
        if self.repetition_penalty is not None:
            return self.repetition_penalty
        return 1.0 if self.strategy is Strategy.TUNED else 1.1

    def frames(self) -> dict[FrameName, Frame]:
        """The strategy's frames, with the operator's system text and examples in the remove frame."""
        if self.strategy is Strategy.TUNED:
            return dict(TUNED_FRAMES)
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
