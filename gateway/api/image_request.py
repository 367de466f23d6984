"""The body of `POST /v1/images/generations`, and how it becomes an `ImageRequest`.

Duty: the wire shape, its ranges, and the check against what the chosen backend can do. A parameter that would
have no effect is refused by name. It judges nothing and knows no response.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.api.surface import ApiSettings
from gateway.core.errors import RequestInvalid
from gateway.core.ports import GeneratorCard
from gateway.core.requests import Caller, ImageRequest, OutputFormat

MAX_PROMPT: Final = 32_000
MAX_SEED: Final = 2**63 - 1
_RANDOM_SEEDS: Final = 2**32  # every backend takes 32 bits, and JSON in a browser keeps them exact
_AUTO: Final = "auto"
_SIZE: Final = re.compile(r"auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4}")

_Words = Annotated[str, Field(min_length=1, max_length=MAX_PROMPT)]
_EndUser = Annotated[str, Field(max_length=512)]


class ImageGenerationRequest(BaseModel):
    """What to draw, and how. Unknown fields are refused; null means the default."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    prompt: _Words = Field(description="What to draw.")
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        None, description="Name of a configured backend; see /v1/models. Absent: the default one."
    )
    n: Annotated[int, Field(ge=1, le=10)] | None = Field(None, description="How many pictures; 1.")
    size: Annotated[str, Field(json_schema_extra={"pattern": f"^({_SIZE.pattern})$"})] | None = Field(
        None, description="`auto` or WIDTHxHEIGHT in pixels, one that the backend draws."
    )
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"] | None = Field(
        None, description="Only where the backend has qualities."
    )
    background: Literal["auto", "opaque", "transparent"] | None = Field(
        None, description="`opaque` is what there is; `transparent` is refused: pictures are RGB."
    )
    style: Literal["auto", "vivid", "natural"] | None = Field(
        None, description="Only where the backend has styles."
    )
    moderation: Literal["auto", "low"] | None = Field(
        None, description="`low` asks for the operator's looser policy, where there is one."
    )
    output_format: Literal["png", "jpeg", "webp"] | None = Field(None, description="png.")
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = Field(
        None, description="Quality of jpeg and webp, 0 to 100; png is always lossless."
    )
    response_format: Literal["b64_json", "url"] | None = Field(
        None, description="`b64_json` (default), or `url` for an address that expires."
    )
    stream: bool | None = Field(None, description="Answer as server-sent events.")
    partial_images: Annotated[int, Field(ge=0, le=3)] | None = Field(
        None, description="Judged previews per picture; needs stream."
    )
    user: _EndUser | None = Field(
        None, description="The end user, as the caller names them; goes sealed on record."
    )
    safety_identifier: _EndUser | None = Field(None, description="As `user`, and before it.")
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = Field(
        None, description="Seed of the first picture; the next ones count up. Random when absent."
    )
    negative_prompt: _Words | None = Field(None, description="What not to draw.")
    num_inference_steps: Annotated[int, Field(ge=1, le=1000)] | None = Field(None, description="Steps.")
    guidance_scale: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = Field(
        None, description="How closely to follow the prompt."
    )
    rewrite: Literal["auto", "off"] | None = Field(
        None, description="`off`: a prompt that would be rewritten is blocked instead."
    )

    @field_validator("prompt", "negative_prompt")
    @classmethod
    def _has_words(cls, words: str | None) -> str | None:
        if words is not None and not any(c.isprintable() and not c.isspace() for c in words):
            raise ValueError("must hold more than white space and invisible characters")
        return words

    @field_validator("size")
    @classmethod
    def _is_a_size(cls, size: str | None) -> str | None:
        if size is not None and _SIZE.fullmatch(size) is None:
            raise ValueError("must be auto or WIDTHxHEIGHT in pixels, as 512x512")
        return size


_Given = Callable[[ImageGenerationRequest], object]

# What a backend must list on its card before the field may be sent: wire name, card's name, and whether it is
# given at all.
_NEEDS_CARD: Final[tuple[tuple[str, str, _Given], ...]] = (
    ("seed", "seed", lambda body: body.seed is not None),
    ("negative_prompt", "negative_prompt", lambda body: body.negative_prompt is not None),
    ("num_inference_steps", "steps", lambda body: body.num_inference_steps is not None),
    ("guidance_scale", "guidance_scale", lambda body: body.guidance_scale is not None),
    ("quality", "quality", lambda body: body.quality not in (None, _AUTO)),
    ("style", "style", lambda body: body.style not in (None, _AUTO)),
    ("partial_images", "preview", lambda body: body.partial_images),
)


def to_image_request(
    body: ImageGenerationRequest,
    *,
    model: str,
    card: GeneratorCard,
    settings: ApiSettings,
    caller: Caller,
    request_id: str,
) -> ImageRequest:
    """Return what the pipeline runs; `model` is the backend's resolved name and `card` its abilities.

    Raises:
        RequestInvalid: a combination that can't be, or a parameter that this backend would ignore.
    """
    _check_combination(body)
    _check_card(body, card)
    n = body.n or 1
    width, height = _size(body.size, card)
    return ImageRequest(
        id=request_id,
        caller=_with_policy(_with_end_user(caller, body), body, settings),
        prompt=body.prompt,
        model=model,
        n=n,
        width=width,
        height=height,
        seed=_seed(body.seed, n),
        negative_prompt=body.negative_prompt,
        steps=body.num_inference_steps,
        guidance_scale=body.guidance_scale,
        quality=body.quality or _AUTO,
        background=body.background or _AUTO,
        style=None if body.style == _AUTO else body.style,
        rewrite=body.rewrite != "off",
        partial_images=body.partial_images or 0,
        output_format=OutputFormat(body.output_format or "png"),
        output_compression=100 if body.output_compression is None else body.output_compression,
        deadline_s=settings.server.request_timeout_s,
    )


def _check_combination(body: ImageGenerationRequest) -> None:
    png = body.output_format in (None, "png")
    if png and body.output_compression not in (None, 100):
        raise RequestInvalid(
            "output_compression: png is lossless; leave it at 100, or ask for jpeg or webp.",
            param="output_compression",
        )
    if body.partial_images and not body.stream:
        raise RequestInvalid("partial_images: previews need stream: true.", param="partial_images")
    if body.stream and body.response_format == "url":
        raise RequestInvalid("response_format: a stream carries b64_json only.", param="response_format")
    if body.background == "transparent":
        # What is judged and delivered is RGB: an alpha channel would be dropped on the way.
        raise RequestInvalid("background: pictures are opaque here; use opaque or auto.", param="background")


def _check_card(body: ImageGenerationRequest, card: GeneratorCard) -> None:
    ignored = [wire for wire, ability, given in _NEEDS_CARD if given(body) and ability not in card.parameters]
    if ignored:
        raise RequestInvalid(
            f"The model {card.name} does not support: {', '.join(ignored)}. Leave it out, or choose another.",
            param=ignored[0],
        )
    if body.num_inference_steps is not None and body.num_inference_steps > card.max_steps:
        raise RequestInvalid(
            f"num_inference_steps: the model {card.name} takes at most {card.max_steps}.",
            param="num_inference_steps",
        )


def _size(size: str | None, card: GeneratorCard) -> tuple[int, int]:
    if size is None or size == _AUTO:
        return card.default_size
    width, height = (int(side) for side in size.split("x"))
    if card.sizes and (width, height) not in card.sizes:
        offered = ", ".join(f"{w}x{h}" for w, h in card.sizes)
        raise RequestInvalid(f"size: the model {card.name} draws {offered}.", param="size")
    if not card.sizes and (width % card.size_step or height % card.size_step):
        raise RequestInvalid(f"size: both sides must be multiples of {card.size_step}.", param="size")
    if not card.sizes and width * height > card.max_pixels:
        raise RequestInvalid(f"size: at most {card.max_pixels} pixels in all.", param="size")
    return width, height


def _seed(seed: int | None, n: int) -> int:
    if seed is None:
        return secrets.randbelow(_RANDOM_SEEDS - n)
    if seed + n - 1 > MAX_SEED:
        raise RequestInvalid(f"seed: with n = {n} at most {MAX_SEED - n + 1}.", param="seed")
    return seed


def _with_end_user(caller: Caller, body: ImageGenerationRequest) -> Caller:
    """Put the caller's own end user behind the key's id; both are personal and go sealed on record."""
    end_user = body.safety_identifier or body.user
    return replace(caller, actor=f"{caller.actor}/{end_user}") if end_user else caller


def _with_policy(caller: Caller, body: ImageGenerationRequest, settings: ApiSettings) -> Caller:
    """Select the operator's looser policy; a key that is bound to a policy can't leave it."""
    if body.moderation != "low":
        return caller
    if caller.policy is not None:
        raise RequestInvalid("moderation: this key is bound to a policy; use auto.", param="moderation")
    if settings.policies.low is None:
        raise RequestInvalid("moderation: the operator allows only auto here.", param="moderation")
    return replace(caller, policy=settings.policies.low)
