"""What an operator may set for an OpenAI-compatible images server, checked before anything connects.

Duty: the options and what is wrong with them. The key itself is never an option, only the name of the
environment variable that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.core.prompt_syntax import SyntaxName
from gateway.core.upstream import checked_base_url
from gateway.generation.diffusers_options import Size

Parameter = Literal["seed", "steps", "negative_prompt", "guidance_scale", "quality", "background", "style"]

_STANDARD: Final[Mapping[Parameter, str]] = {"quality": "quality", "background": "background"}
"""What OpenAI's own current image models take."""


class OpenAIOptions(BaseModel):
    """A server, a model there, and what it honours.

    `base_url` ends before `/images/generations` (e.g. `https://api.openai.com/v1`). `parameters` maps what
    this server honours beyond prompt, n and size to its own field names; anything else is refused with 400.
    `default_guidance` is the guidance that the server uses when a request names none, where it is known: at 1
    or less, negative prompts are refused. `refused_syntax` names what a prompt may not hold because the
    server reads it as an order; an empty list leaves it all to the server. `max_n` is the largest `n` of one
    upstream call; more pictures are asked for in several calls, and with `seed` among the parameters each
    picture is its own call, so that its seed is certain. `response_format`: `unset` for models that know no
    such field (gpt-image-1).
    `url_hosts` names the hosts (with port, if it is not the usual one) that picture URLs may be fetched from;
    empty refuses URL replies.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    model: str
    revision: str = "unknown"
    api_key_env: str | None = None
    parameters: Mapping[Parameter, str] = _STANDARD
    default_size: Size = "1024x1024"
    sizes: tuple[Size, ...] = ()
    size_step: Annotated[int, Field(ge=1)] = 8
    max_pixels: Annotated[int, Field(ge=64)] = 2048 * 2048
    max_steps: Annotated[int, Field(ge=1)] = 100
    default_guidance: Annotated[float, Field(ge=0, le=100)] | None = None
    refused_syntax: frozenset[SyntaxName] = frozenset({"sd-cpp-args", "extra-networks"})
    max_n: Annotated[int, Field(ge=1, le=10)] = 10
    response_format: Literal["b64_json", "url", "unset"] = "b64_json"
    output_format: Literal["png", "jpeg", "webp"] | None = None
    url_hosts: frozenset[str] = frozenset()
    connect_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    max_connections: Annotated[int, Field(ge=1)] = 100
    max_response_bytes: Annotated[int, Field(ge=1024)] = 128 * 1024 * 1024

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, base_url: str) -> str:
        return checked_base_url(base_url, "api_key_env")

    @model_validator(mode="after")
    def _check_together(self) -> OpenAIOptions:
        if self.sizes and self.default_size not in self.sizes:
            raise ValueError("default_size is not among sizes")
        if self.response_format == "url" and not self.url_hosts:
            raise ValueError("response_format url needs url_hosts, or every reply would be refused")
        return self
