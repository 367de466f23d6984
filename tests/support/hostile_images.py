"""Uploads that mean no good, from one seed: mutations, truncations, bombs, polyglots, noise.

Each is small to send. Whatever it is, a decoder may take it or refuse it, and nothing else.
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image


def hostile_uploads(count: int, seed: int = 0, *, with_bombs: bool = True) -> Iterator[tuple[str, bytes]]:
    """Yield pairs of a name and a file: each bomb, each polyglot, then mutations, at least `count` in all."""
    dice = random.Random(seed)
    seeds = _whole_files()
    bombs = _bombs() if with_bombs else {}
    for name, make in bombs.items():
        yield name, make()
    yield from _polyglots(seeds).items()
    for number in range(count - len(bombs)):
        kind = dice.choice(tuple(seeds))
        name, mutate = dice.choice(_MUTATIONS)
        yield f"{number}: {name} {kind}", mutate(seeds[kind], dice)


def _whole_files() -> dict[str, bytes]:
    noise = np.random.default_rng(0)
    photo = Image.fromarray(noise.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    glass = Image.fromarray(noise.integers(0, 256, (24, 32, 4), dtype=np.uint8))
    wide = Image.fromarray(noise.integers(0, 65536, (16, 16)).astype(np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a picture"
    frames: dict[str, Any] = {
        "save_all": True,
        "append_images": [photo.transpose(Image.Transpose.ROTATE_180)],
    }
    return {
        "png": _saved(photo, "PNG"),
        "png-alpha": _saved(glass, "PNG"),
        "png-palette": _saved(photo.quantize(16), "PNG", transparency=0),
        "png-wide": _saved(wide, "PNG"),
        "png-icc": _saved(photo, "PNG", icc_profile=b"\0" * 200, exif=exif),
        "apng": _saved(photo, "PNG", **frames),
        "jpeg": _saved(photo, "JPEG", quality=80),
        "jpeg-progressive": _saved(photo, "JPEG", progressive=True, exif=exif),
        "jpeg-cmyk": _saved(photo.convert("CMYK"), "JPEG"),
        "jpeg-grey": _saved(photo.convert("L"), "JPEG", comment=b"x" * 50),
        "webp": _saved(photo, "WEBP", quality=70, exif=exif),
        "webp-lossless": _saved(glass, "WEBP", lossless=True),
        "webp-animated": _saved(photo, "WEBP", **frames),
        "gif": _saved(photo, "GIF"),
        "gif-animated": _saved(photo, "GIF", **frames),
    }


def _flipped(whole: bytes, dice: random.Random) -> bytes:
    damaged = bytearray(whole)
    for _ in range(dice.choice((1, 2, 4, 16, 64))):
        damaged[dice.randrange(len(damaged))] = dice.choice((0, 1, 127, 128, 254, 255, dice.randrange(256)))
    return bytes(damaged)


def _head_flipped(whole: bytes, dice: random.Random) -> bytes:
    """Sizes, types and lengths stand near the beginning."""
    damaged = bytearray(whole)
    for _ in range(dice.randint(1, 4)):
        damaged[dice.randrange(4, min(64, len(damaged)))] = dice.choice((0, 255, 127, dice.randrange(256)))
    return bytes(damaged)


def _truncated(whole: bytes, dice: random.Random) -> bytes:
    return whole[: dice.randrange(len(whole))]


def _cut_out(whole: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(whole))
    return whole[:start] + whole[start + dice.randint(1, 40) :]


def _repeated(whole: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(whole))
    part = whole[start : start + dice.randint(1, 60)]
    return whole[:start] + part * dice.randint(2, 50) + whole[start:]


def _noised(whole: bytes, dice: random.Random) -> bytes:
    return whole[: dice.randint(4, 40)] + dice.randbytes(dice.randint(1, 600))


def _mended(whole: bytes, dice: random.Random) -> bytes:
    """A PNG damaged inside with its checksums right again, so that the damage is reached; others flipped."""
    if not whole.startswith(b"\x89PNG"):
        return _flipped(whole, dice)
    chunks, place = [whole[:8]], 8
    while place + 12 <= len(whole):
        (length,) = struct.unpack(">I", whole[place : place + 4])
        kind, body = whole[place + 4 : place + 8], whole[place + 8 : place + 8 + length]
        if body and dice.random() < 0.5:
            body = _flipped(body, dice)
        chunks.append(_chunk(kind, body))
        place += 12 + length
    return b"".join(chunks)


_Mutation = Callable[[bytes, random.Random], bytes]
_MUTATIONS: tuple[tuple[str, _Mutation], ...] = (
    ("flipped", _flipped),
    ("head flipped", _head_flipped),
    ("truncated", _truncated),
    ("cut out", _cut_out),
    ("repeated", _repeated),
    ("noised", _noised),
    ("mended", _mended),
)


def _bombs() -> dict[str, Callable[[], bytes]]:
    """Few bytes that ask for many; each is made when its turn comes."""
    extension = b"!\xfe\x01a\0"
    return {
        "bomb: png at the limit": lambda: _png(4096, 4096, _zeros(4096 * (1 + 3 * 4096))),
        "bomb: png over the limit": lambda: _png(50_000, 50_000, _zeros(4096)),
        "bomb: png of four billion pixels": lambda: _png(2**31 - 1, 2**31 - 1, b""),
        "bomb: png with too much data": lambda: _png(8, 8, _zeros(50_000_000)),
        "bomb: png alpha at the limit": lambda: _png(4096, 4096, _zeros(4096 * (1 + 4 * 4096)), 6),
        "bomb: png 16 bits": lambda: _png(4096, 4096, _zeros(4096 * (1 + 8 * 4096)), 6, bits=16),
        "bomb: png text": lambda: _small(_chunk(b"zTXt", b"a\0\0" + _zeros(64_000_000))),
        "bomb: png international text": lambda: _small(_chunk(b"iTXt", b"a\0\1\0\0\0" + _zeros(64_000_000))),
        "bomb: png profile": lambda: _small(_chunk(b"iCCP", b"a\0\0" + _zeros(64_000_000))),
        "bomb: a hundred thousand chunks": lambda: _small(_chunk(b"tEXt", b"a\0b") * 100_000),
        "bomb: two million chunks": lambda: _small(_chunk(b"abCd", b"") * 1_600_000),
        "bomb: jpeg of 65500 by 65500": lambda: _jpeg_of(65500),
        "bomb: jpeg at the limit without data": lambda: _jpeg_of(4096),
        "bomb: jpeg of ten thousand scans": _scans,
        "bomb: four million comments": lambda: b"\xff\xd8" + b"\xff\xfe\0\x03a" * 3_900_000,
        "bomb: all fill bytes": lambda: b"\xff\xd8" + b"\xff" * 19_000_000,
        "bomb: all junk": lambda: b"\xff\xd8\xff\xfe\0\2" + bytes(19_000_000),
        "bomb: gif of extensions": lambda: _gif(16, extension * 3_900_000),
        "bomb: gif screen": lambda: _gif(65535, b""),
        "bomb: gif frame": lambda: _gif(
            16, b"," + struct.pack("<HHHH", 0, 0, 65535, 65535) + b"\0\x08\x02\x8c\x01\0"
        ),
        "bomb: webp canvas": _webp_canvas,
    }


def _zeros(size_bytes: int) -> bytes:
    return zlib.compress(bytes(size_bytes), 1)


def _small(before: bytes) -> bytes:
    return _png(8, 8, _zeros(8 * 25), before=before)


def _jpeg_of(side: int) -> bytes:
    whole = bytearray(_saved(Image.new("RGB", (16, 16)), "JPEG"))
    size_at = whole.index(b"\xff\xc0") + 5
    whole[size_at : size_at + 4] = struct.pack(">HH", side, side)
    return bytes(whole)


def _gif(side: int, inside: bytes) -> bytes:
    return b"GIF89a" + struct.pack("<HH", side, side) + b"\x80\0\0" + bytes(6) + inside + b";"


def _webp_canvas() -> bytes:
    whole = _saved(Image.new("RGBA", (16, 16)), "WEBP", lossless=True)
    return whole[:21] + b"\xff\xff\xff\x0f" + whole[25:]


def _scans() -> bytes:
    """A progressive JPEG of 4096 × 4096 whose last scan, 33 bytes, is sent ten thousand times."""
    whole = _saved(Image.new("RGB", (4096, 4096), (9, 90, 200)), "JPEG", progressive=True)
    return whole[:-2] + whole[whole.rindex(b"\xff\xda") : -2] * 10_000 + b"\xff\xd9"


def _polyglots(seeds: dict[str, bytes]) -> dict[str, bytes]:
    """Files that are two things at once, or another thing than they say."""
    page = b"<html><script>alert(1)</script></html>"
    return {
        "polyglot: png and html": seeds["png"] + page,
        "polyglot: gif and script": b"GIF89a/*" + seeds["gif"][8:] + b"*/=1;alert(1)",
        "polyglot: jpeg and zip": seeds["jpeg"] + b"PK\x03\x04" + bytes(60) + b"PK\x05\x06" + bytes(18),
        "polyglot: jpeg then png": seeds["jpeg"] + seeds["png"],
        "polyglot: png then png": seeds["png"] + seeds["png-alpha"],
        "polyglot: webp in a jpeg": seeds["jpeg"][:20] + seeds["webp"],
        "impostor: html": page,
        "impostor: svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "impostor: pdf": b"%PDF-1.4\n" + seeds["jpeg"],
        "impostor: postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n",
        "impostor: bmp": _saved(Image.new("RGB", (8, 8)), "BMP"),
        "impostor: tiff": _saved(Image.new("RGB", (8, 8)), "TIFF"),
        "impostor: zeros": bytes(5000),
    }


def _png(
    width: int, height: int, packed: bytes, colour: int = 2, *, bits: int = 8, before: bytes = b""
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = _chunk(b"IHDR", header) + before + _chunk(b"IDAT", packed)
    return b"\x89PNG\r\n\x1a\n" + body + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
