"""Pixels → PNG, JPEG or WebP bytes.

Duty: encode, quickly. It knows no request and judges nothing. PNG is lossless and made for speed: every row
with the 'up' filter (PNG specification, 9.2) in numpy, one IDAT through ISA-L's deflate at level 1. That is
about thirty times quicker than Pillow's default for some 10 % more bytes (`benchmarks/encode.py`).
"""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Final

import numpy as np
from isal import isal_zlib
from PIL import Image

from classifiers.protocol import Pixels
from gateway.core.requests import OutputFormat
from gateway.imaging.workers import PixelWorkers, shared_workers

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_FILTER_UP: Final = 2
_FULL_CHROMA_FROM: Final = 90
"""JPEG quality from which colour is no longer halved in both directions."""


def encode(pixels: Pixels, format: OutputFormat, compression: int = 100) -> bytes:  # noqa: A002 - OpenAI's word
    """Return the encoded picture.

    `pixels` are H × W × 3 uint8 RGB. `compression` 0..100 is the quality of JPEG and WebP; PNG is lossless
    and has none.

    Raises:
        ValueError: the pixels have another shape or type, or `compression` is out of range.
    """
    check_pixels(pixels)
    if not 0 <= compression <= 100:
        raise ValueError(f"compression {compression} is not in 0..100")
    if format is OutputFormat.PNG:
        return _png(pixels)
    if format is OutputFormat.JPEG:
        chroma = 0 if compression >= _FULL_CHROMA_FROM else 2
        return _pillow(pixels, "JPEG", quality=compression, subsampling=chroma)
    return _pillow(pixels, "WEBP", quality=compression, method=2)


async def encode_off_loop(
    pixels: Pixels,
    format: OutputFormat,  # noqa: A002 - OpenAI's word
    compression: int = 100,
    *,
    workers: PixelWorkers | None = None,
) -> bytes:
    """As `encode`, in the pixel workers' threads.

    Raises:
        ValueError: as `encode`.
        Overloaded: too many pictures wait already.
    """
    return await (workers or shared_workers()).run(functools.partial(encode, pixels, format, compression))


def check_pixels(pixels: Pixels) -> None:
    """Refuse anything but H × W × 3 uint8 with at least one pixel.

    Raises:
        ValueError: with the shape and type that were given.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}, not H x W x 3 uint8")


def _png(pixels: Pixels) -> bytes:
    height, width, _ = pixels.shape
    rows = np.ascontiguousarray(pixels).reshape(height, width * 3)
    filtered = np.empty((height, 1 + width * 3), dtype=np.uint8)
    filtered[:, 0] = _FILTER_UP
    filtered[0, 1:] = rows[0]  # the row above the first one counts as zero
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])  # wraps at 256, as the filter asks
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB, not interlaced
    body = isal_zlib.compress(filtered.reshape(-1).data, 1)
    return b"".join((_SIGNATURE, *_chunk(b"IHDR", header), *_chunk(b"IDAT", body), *_chunk(b"IEND", b"")))


def _chunk(kind: bytes, body: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)


def _pillow(pixels: Pixels, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()
