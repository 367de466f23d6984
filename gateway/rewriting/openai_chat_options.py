"""What an operator may set for an OpenAI-compatible chat endpoint, checked before anything connects.

Duty: the options and what is wrong with them. The key itself is never an option, only where it is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.core.upstream import checked_base_url

Code: TypeAlias = Annotated[str, Field(pattern="^[a-z]{2}$")]
"""A language's two letters."""


class OpenAIChatOptions(BaseModel):
    """A server, a model there, and how it is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(description="Ends before `/chat/completions`.")
    model: str = Field(min_length=1, description="Name of the model there.")
    revision: str = Field("unknown", min_length=1, description="What goes on record beside the model's name.")
    api_key_env: str | None = Field(None, min_length=1, description="Variable that holds the key.")
    api_key_file: Path | None = Field(None, description="File that holds the key, alone on one line.")
    system: str | None = Field(None, min_length=1, description="System text instead of the built-in one.")
    response_format: Literal["json_schema", "json_object", "none"] = Field(
        "json_schema", description="How the server is asked for the form; it is checked in any case."
    )
    length_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="The server's name for the longest answer."
    )
    temperature: float = Field(0.0, ge=0, le=2, description="0 = always the likeliest word.")
    max_new_tokens: int = Field(256, ge=16, le=4096, description="Longest answer, tokens.")
    timeout_s: float = Field(20.0, gt=0, le=600, description="Time for one call.")
    connect_timeout_s: float = Field(5.0, gt=0, description="Time to connect.")
    max_connections: int = Field(32, ge=1, description="Calls at once.")
    max_response_bytes: int = Field(65_536, ge=1024, description="Longest reply that is read.")
    languages: tuple[Code, ...] | None = Field(
        None,
        min_length=1,
        description="Languages that it reads, as [en, de]; absent = any. Others are blocked.",
    )
    max_chars: int = Field(1000, ge=40, le=2000, description="Longest rewritten prompt, characters.")
    max_prompt_chars: int = Field(2000, ge=40, le=32_000, description="Longest prompt that is rewritten.")

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, base_url: str) -> str:
        return checked_base_url(base_url, "api_key_env or api_key_file")

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key_env is not None and self.api_key_file is not None:
            raise ValueError("give either api_key_env or api_key_file")
        return self
