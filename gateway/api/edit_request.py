"""The forms of `POST /v1/images/edits` and `/v1/images/variations`, and how they become an `ImageRequest`.

Duty: the wire shapes over the generation's own fields, the uploads decoded within their limits, and the check
against what the backend can do with a picture. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from gateway.api.body import check
from gateway.api.form import Form
from gateway.api.image_request import ImageGenerationRequest, to_image_request
from gateway.api.surface import ApiSettings
from gateway.core.errors import RequestInvalid
from gateway.core.ports import GeneratorCard
from gateway.core.requests import Caller, ImageRequest, SourcePicture
from gateway.imaging.decode import ImageRefused, decode, decode_mask
from gateway.imaging.fit import fit_mask, fit_off_loop

T = TypeVar("T")
_LAX: Final = ConfigDict(extra="forbid", strict=False, frozen=True)  # a form knows text alone
_File: TypeAlias = Annotated[bytes, Field(json_schema_extra={"format": "binary", "type": "string"})]
_Strength = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
_FILES: Final = ("image", "mask")


class ImageEditRequest(ImageGenerationRequest):
    """What to make of a picture. The fields of a generation, the picture, and where to change it."""

    model_config = _LAX
    strength: _Strength | None = Field(
        None, description="How far the result may leave the picture: above 0, 1 forgets it."
    )


class ImageVariationRequest(BaseModel):
    """Variations of a picture, without a prompt."""

    model_config = _LAX
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    n: Annotated[int, Field(ge=1, le=10)] | None = None
    size: str | None = None
    response_format: Literal["b64_json", "url"] | None = None
    user: Annotated[str, Field(max_length=512)] | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    strength: _Strength | None = None


class ImageEditForm(ImageEditRequest):
    """The edit's form with its files; for the schema alone."""

    image: _File = Field(description="One still png, jpeg, webp or gif.")
    mask: _File | None = Field(
        None, description="A png of the picture's own size: fully transparent where it may be repainted."
    )


class ImageVariationForm(ImageVariationRequest):
    """The variation's form with its file; for the schema alone."""

    image: _File = Field(description="One still png, jpeg, webp or gif.")


def edit_of(form: Form) -> ImageEditRequest:
    """Return the checked fields of an edit. Raises RequestInvalid."""
    _check_files(form, _FILES)
    return check(dict(form.fields), ImageEditRequest)


def variation_of(form: Form) -> ImageEditRequest:
    """Return the checked fields of a variation, as an edit whose prompt is empty.

    Raises:
        RequestInvalid: a wrong or unknown field.
    """
    _check_files(form, ("image",))
    fields = check(dict(form.fields), ImageVariationRequest).model_dump(exclude_none=True)
    checked = check({**fields, "prompt": "a variation"}, ImageEditRequest)  # the words pass its check and go
    return checked.model_copy(update={"prompt": ""})


async def to_edit_request(
    body: ImageEditRequest,
    form: Form,
    *,
    model: str,
    card: GeneratorCard,
    settings: ApiSettings,
    caller: Caller,
    request_id: str,
) -> ImageRequest:
    """Return what the pipeline runs, with the picture decoded and fitted to the size asked for.

    Raises:
        RequestInvalid: a backend that takes no picture or no mask, a picture that can't be taken, a mask of
            another size, or whatever a generation refuses.
        Overloaded: too many pictures wait to be decoded.
    """
    content = _one(form.files.get("image", ()), "image", card)
    mask_content = _one(form.files["mask"], "mask", card) if "mask" in form.files else None
    if body.strength is not None and "strength" not in card.parameters:
        raise RequestInvalid(f"The model {card.name} does not support: strength.", param="strength")
    wanted = to_image_request(
        body, model=model, card=card, settings=settings, caller=caller, request_id=request_id
    )
    pixels = await _decoded(decode, content, "image")
    mask = None if mask_content is None else await _decoded(decode_mask, mask_content, "mask")
    if mask is not None and mask.shape != pixels.shape[:2]:
        raise RequestInvalid("mask: must have the picture's own width and height.", param="mask")
    width, height = wanted.width, wanted.height
    if body.size in (None, "auto"):
        width, height = _own_size(pixels.shape[1], pixels.shape[0], card)
    source = SourcePicture(
        await fit_off_loop(pixels, width, height),
        None if mask is None else fit_mask(mask, width, height),
        body.strength,
    )
    return replace(wanted, width=width, height=height, source=source)


def _check_files(form: Form, known: Sequence[str]) -> None:
    for name in known:
        if name in form.fields:
            raise RequestInvalid(f"{name}: send it as a file of the form.", param=name)
    if any(name not in known for name in form.files):
        raise RequestInvalid(f"Files of the form are: {', '.join(known)}.")
    if "image" not in form.files:
        raise RequestInvalid("image: send a picture as a file of the form.", param="image")


def _one(files: Sequence[bytes], field: str, card: GeneratorCard) -> bytes:
    if field not in card.parameters:
        what = "draws from text alone and takes no picture" if field == "image" else "takes no mask"
        raise RequestInvalid(f"{field}: the model {card.name} {what}; choose another.", param=field)
    if len(files) != 1:
        raise RequestInvalid(f"{field}: send one; the model {card.name} takes no more.", param=field)
    return files[0]


async def _decoded(decoding: Callable[[bytes], Awaitable[T]], content: bytes, field: str) -> T:
    try:
        return await decoding(content)
    except ImageRefused as error:
        raise RequestInvalid(f"{field}: {error.reason}.", param=field) from error


def _own_size(width: int, height: int, card: GeneratorCard) -> tuple[int, int]:
    """The picture's own size, as near as the backend draws it, else the backend's default."""
    if card.sizes:
        return (width, height) if (width, height) in card.sizes else card.default_size
    scale = min(1.0, (card.max_pixels / (width * height)) ** 0.5)
    step = card.size_step
    return max(step, int(width * scale) // step * step), max(step, int(height * scale) // step * step)
