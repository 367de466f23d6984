"""Bytes that somebody sent → pixels, with every limit checked before the memory is spent.

Duty: decode one still picture or say why not. It knows no request and no upstream: the caller turns
`ImageRefused` into its own error and names the field. Alpha is composited on white, because white is what
most viewers and the image models' training pictures show; EXIF orientation, colour profiles and gamma are
applied, so that what is judged is what people see.
"""

from __future__ import annotations

import contextvars
import functools
import io
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from classifiers.protocol import Mask, Pixels
from gateway.core.errors import Overloaded
from gateway.imaging.colour import ColourRefused, to_srgb
from gateway.imaging.structure import excess, has_animation_chunks
from gateway.imaging.workers import PixelWorkers, shared_workers

# What Pillow's parsers raise on malformed files (its own documentation names OSError alone; the others come
# from chunk and EXIF parsing).
_MALFORMED: Final = (
    OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, IndexError, KeyError, TypeError,
    AttributeError, OverflowError, ZeroDivisionError, NotImplementedError,
    Warning,  # where warnings are errors: Pillow warns of corrupt EXIF
)  # fmt: skip
T = TypeVar("T")
on_pixels: Final[contextvars.ContextVar[Callable[[int], None] | None]] = contextvars.ContextVar(
    "on_pixels", default=None
)
"""Told, by the thread that decodes and before it spends the memory, how many bytes a picture will take; what
it raises ends the decoding."""
_PNG_END: Final = b"IEND\xaeB`\x82"
_BYTES_A_PIXEL: Final = 3
_RETRY_S: Final = 1.0
_WIDE_GREY: Final = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I"})


class ImageRefused(Exception):
    """The bytes are not a picture that we take; `reason` is a sentence for the sender, without content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What is accepted. `max_pixels` is width × height as the header says, before anything is decoded.

    16.8 megapixels are 4096 × 4096; an 8 kB PNG can name 320 MB of pixels without a warning from Pillow.
    """

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 4096 * 4096
    formats: frozenset[str] = frozenset({"png", "jpeg", "webp", "gif"})
    timeout_s: float = 10.0


async def decode(
    content: bytes, limits: DecodeLimits | None = None, *, workers: PixelWorkers | None = None
) -> Pixels:
    """Return the picture as H × W × 3 uint8 RGB, decoded off the event loop.

    Raises:
        ImageRefused: too large, not allowed, malformed, animated, or decoding it took `limits.timeout_s`.
        Overloaded: too many pictures wait already, or no memory is left for this one.
    """
    return await _off_loop(content, limits or DecodeLimits(), _as_rgb, workers)


async def decode_mask(
    content: bytes, limits: DecodeLimits | None = None, *, workers: PixelWorkers | None = None
) -> Mask:
    """Return where a picture is wholly transparent, H × W bool. Raises as `decode`.

    Raises:
        ImageRefused: as `decode`, or the picture has no transparency at all.
    """
    return await _off_loop(content, limits or DecodeLimits(), _transparent, workers)


async def _off_loop(
    content: bytes, limits: DecodeLimits, finish: Callable[[Image.Image], T], workers: PixelWorkers | None
) -> T:
    _check_bytes(content, limits)
    work = functools.partial(_read, content, limits, finish, on_pixels.get())
    try:
        return await (workers or shared_workers()).run(work, timeout_s=limits.timeout_s)
    except TimeoutError as error:
        raise ImageRefused(f"the picture was not decoded within {limits.timeout_s:g} s") from error
    except MemoryError as error:
        raise Overloaded("no memory is left for this picture", retry_after_s=_RETRY_S) from error


def decode_blocking(content: bytes, limits: DecodeLimits | None = None) -> Pixels:
    """As `decode`, on the calling thread and without the time limit.

    Raises:
        ImageRefused: too large, not allowed, malformed or animated.
    """
    limits = limits or DecodeLimits()
    _check_bytes(content, limits)
    return _read(content, limits, _as_rgb)


def _read(
    content: bytes,
    limits: DecodeLimits,
    finish: Callable[[Image.Image], T],
    told: Callable[[int], None] | None = None,
) -> T:
    _bombs_are_errors()
    if (too_many := excess(content)) is not None:  # here, since its walk would hold the event loop
        raise ImageRefused(f"the picture's file has {too_many}; save it again")
    if has_animation_chunks(content):  # one that claims a single frame too: viewers may show another picture
        raise ImageRefused("the png is animated; send a single still picture")
    try:
        # 1 the header alone: format and size
        with Image.open(io.BytesIO(content), formats=sorted(f.upper() for f in limits.formats)) as image:
            # 2 refuse by what the header says, before a pixel is decoded
            _check_header(image, limits)
            _check_end(image, content)
            # 3 room for the pixels
            if told is not None:
                told(image.width * image.height * _BYTES_A_PIXEL)
            # 4 all of the data
            image.load()
            return finish(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise ImageRefused(f"the picture's bytes are none of {', '.join(sorted(limits.formats))}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageRefused(_too_many_pixels("the picture", limits)) from error
    except _MALFORMED as error:
        raise ImageRefused(f"the picture is malformed or truncated ({type(error).__name__})") from error


def _check_bytes(content: bytes, limits: DecodeLimits) -> None:
    if not content:
        raise ImageRefused("the picture is empty")
    if len(content) > limits.max_bytes:
        raise ImageRefused(f"the picture has {len(content)} bytes; at most {limits.max_bytes} are taken")


def _check_header(image: Image.Image, limits: DecodeLimits) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageRefused("the picture has no pixels")
    if width * height > limits.max_pixels:
        raise ImageRefused(_too_many_pixels(f"the picture is {width}x{height}, which", limits))
    # A phone's JPEG may carry a second picture for the same view (MPO, HDR gain map): not an animation, and
    # viewers show the first one.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise ImageRefused(f"the {str(image.format).lower()} is animated; send a single still picture")


def _too_many_pixels(what: str, limits: DecodeLimits) -> str:
    return f"{what} has more pixels than are taken: at most {limits.max_pixels / 1e6:.1f} megapixels"


def _check_end(image: Image.Image, content: bytes) -> None:
    # Pillow takes a PNG whose end is missing when the last row happens to be there.
    if image.format == "PNG" and _PNG_END not in content:
        raise ImageRefused("the picture is malformed or truncated (no IEND)")


def _as_rgb(image: Image.Image) -> Pixels:
    if image.mode in _WIDE_GREY:
        # Pillow clips 16-bit grey at 255, which would hide the picture from the classifiers.
        grey = (np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8)
        told, image = image.info, Image.fromarray(grey)
        image.info = {key: told[key] for key in ("icc_profile", "gamma", "srgb") if key in told}
    try:
        image = to_srgb(image)
    except ColourRefused as error:
        raise ImageRefused(f"the picture can't be shown: {error}; save it again as sRGB") from error
    if image.has_transparency_data:
        # No copy more than needed: at the limit of pixels each one is 67 MB.
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.new("RGB", layer.size, (255, 255, 255))
        image.paste(layer, mask=layer.getchannel("A"))
    return np.array(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)


def _transparent(image: Image.Image) -> Mask:
    if not image.has_transparency_data:
        raise ImageRefused("the picture has no transparency, so it masks nothing")
    mask: Mask = np.asarray(image.convert("RGBA").getchannel("A")) == 0
    return mask


@functools.cache
def _bombs_are_errors() -> None:
    # The header check is stricter; this is the second line, for a frame that grows while it is decoded.
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
