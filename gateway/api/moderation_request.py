"""The body of `POST /v1/moderations`, and how it becomes `ModerationInput`s.

Duty: the wire shape, its limits, and data URLs to bytes. Pictures stay encoded: the service decodes them,
with its own limits. Nothing is ever fetched from an address.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, TypeAlias

import pybase64
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from gateway.core.errors import ContentTooLarge, RequestInvalid
from gateway.core.moderation_types import ModerationInput

MAX_TEXT: Final = 32_000
MAX_INPUTS: Final = 32
MAX_IMAGES: Final = 8
MAX_IMAGE_BYTES: Final = 20_000_000
_DATA_URL: Final = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,")

ModelName: TypeAlias = Literal[
    "imagegate",
    "omni-moderation-latest",
    "omni-moderation-2024-09-26",
    "text-moderation-latest",
    "text-moderation-stable",
]
"""Names that mean "the caller's active policy": our own, and those that OpenAI's clients send."""

_CLOSED: Final = ConfigDict(extra="forbid", strict=True, frozen=True)
_Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class TextPart(BaseModel):
    """A text of a multimodal input."""

    model_config = _CLOSED
    type: Literal["text"]
    text: _Text


class ImageUrl(BaseModel):
    """Where a picture is: a data URL with its bytes."""

    model_config = _CLOSED
    url: Annotated[
        str,
        Field(
            min_length=1,
            description="Base64 data URL of a still png, jpeg, webp or gif. Addresses are not fetched.",
            json_schema_extra={"pattern": f"^{_DATA_URL.pattern}"},
        ),
    ]


class ImagePart(BaseModel):
    """A picture of a multimodal input."""

    model_config = _CLOSED
    type: Literal["image_url"]
    image_url: ImageUrl


def _kind(given: object) -> str | None:
    """Which kind of part this is; None, so that it is refused, for any other."""
    kind = given.get("type") if isinstance(given, dict) else None
    return f"[{kind}]" if kind in ("text", "image_url") else None


Part: TypeAlias = Annotated[
    Annotated[TextPart, Tag("[text]")] | Annotated[ImagePart, Tag("[image_url]")],
    Discriminator(
        _kind,
        custom_error_type="wrong_part",
        custom_error_message="must be a part of type text or image_url",
    ),
]
_Texts: TypeAlias = Annotated[list[_Text], Field(min_length=1, max_length=MAX_INPUTS)]
_Parts: TypeAlias = Annotated[list[Part], Field(min_length=1, max_length=MAX_INPUTS)]


def _form(given: object) -> str | None:
    """Which of the three forms of `input` this is; the first item of an array decides."""
    if isinstance(given, str):
        return "[string]"
    if isinstance(given, list):
        return "[parts]" if given and not isinstance(given[0], str) else "[strings]"
    return None


class ModerationRequest(BaseModel):
    """What to judge: one text, several texts, or the parts of one multimodal input."""

    model_config = _CLOSED
    input: Annotated[
        Annotated[_Text, Tag("[string]")]
        | Annotated[_Texts, Tag("[strings]")]
        | Annotated[_Parts, Tag("[parts]")],
        Discriminator(
            _form,
            custom_error_type="wrong_form",
            custom_error_message="must be a string, or an array of strings or of text and image_url parts",
        ),
    ]
    model: ModelName | None = Field(None, description="Every name here means the caller's active policy.")


def to_inputs(body: ModerationRequest) -> tuple[ModerationInput, ...]:
    """Return one input per text, or one for all parts together.

    Raises:
        RequestInvalid: an address instead of a data URL, broken base64, too many pictures, texts that are too
            long together.
        ContentTooLarge: a picture over `MAX_IMAGE_BYTES`.
    """
    if isinstance(body.input, str):
        return (ModerationInput(texts=(body.input,)),)
    texts = tuple(part for part in body.input if isinstance(part, str))
    if texts:
        return tuple(ModerationInput(texts=(text,)) for text in texts)
    parts = tuple(part for part in body.input if not isinstance(part, str))
    images = [part for part in parts if isinstance(part, ImagePart)]
    if len(images) > MAX_IMAGES:
        raise RequestInvalid(f"input: at most {MAX_IMAGES} pictures at once.", param="input")
    together = tuple(part.text for part in parts if isinstance(part, TextPart))
    if sum(map(len, together)) > MAX_TEXT:  # they are judged as one text too
        raise RequestInvalid(
            f"input: the text parts of one input have at most {MAX_TEXT} characters together; send an array "
            "of texts, which are judged singly.",
            param="input",
        )
    return (
        ModerationInput(
            texts=together,
            images=tuple(_bytes_of(part.image_url.url) for part in images),
        ),
    )


def _bytes_of(url: str) -> bytes:
    head = _DATA_URL.match(url)
    if head is None:
        raise RequestInvalid(
            "input: send pictures as data URLs (data:image/png;base64,…; or jpeg, webp, gif); addresses are "
            "not fetched.",
            param="input",
        )
    if (len(url) - head.end()) * 3 // 4 > MAX_IMAGE_BYTES:
        raise ContentTooLarge(f"input: a picture may have at most {MAX_IMAGE_BYTES} bytes.", param="input")
    try:
        content = pybase64.b64decode(url[head.end() :], validate=True)
    except ValueError:  # binascii.Error is one; so is text outside ASCII
        raise RequestInvalid("input: the data URL's base64 is broken.", param="input") from None
    if not content:
        raise RequestInvalid("input: the data URL holds no picture.", param="input")
    return content
