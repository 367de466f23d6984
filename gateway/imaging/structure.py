"""How many parts a file claims to have, counted before a parser walks them one by one.

Duty: find files that are all structure. Twenty megabytes of empty chunks are a million steps of Python in
Pillow (6 s), and thirty bytes make one more scan of a progressive JPEG (12 ms each at 16.8 megapixels): hours
of work in a small upload; ten million one-byte blocks of a GIF take 2 s. Real pictures have tens of parts. It
decodes nothing.
Sources: PNG specification 5.3 (chunks); ITU T.81 B.1.1 (markers, fill bytes) and G.1 (progressive scans);
GIF89a 15 to 26 (data sub-blocks, tables, extensions).
"""

from __future__ import annotations

import struct
from typing import Final

MAX_PARTS: Final = 10_000
MAX_SCANS: Final = 50
"""A progressive JPEG has about ten."""

MAX_IMAGE_BLOCKS: Final = 100_000
"""Of a GIF's picture, 255 bytes each: more than 20 MB hold."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_ANIMATION: Final = frozenset({b"acTL", b"fcTL", b"fdAT"})
_JPEG: Final = b"\xff\xd8"
_GIF: Final = b"GIF8"
_EXTENSION: Final = 0x21
_IMAGE: Final = 0x2C
_TRAILER: Final = 0x3B
_SCAN: Final = b"\xff\xda"
_START_OF_SCAN: Final = 0xDA
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xDA)})
"""Markers without a length: TEM, restarts, start and end of image."""


def excess(content: bytes) -> str | None:
    """Return what the file has too many of, as the end of a sentence, or None."""
    if content.startswith(_PNG):
        return _too_many("chunks") if _png_is_long(content) else None
    if content.startswith(_GIF):
        return _too_many("blocks") if _gif_is_long(content) else None
    if content.startswith(_JPEG):
        if _jpeg_is_long(content):
            return _too_many("segments")
        # Inside compressed data 0xff is always followed by 0x00: the marker's bytes count scans alone.
        if content.count(_SCAN) > MAX_SCANS:
            return f"more than {MAX_SCANS} scans"
    return None


def has_animation_chunks(content: bytes) -> bool:
    """Whether a PNG holds any chunk of an animation (APNG: acTL, fcTL, fdAT), whatever it says of frames.

    A false count of frames makes one reader show the still picture and another one the frames. Call it on a
    file that is not in excess.
    """
    if not content.startswith(_PNG):
        return False
    place = len(_PNG)
    while place + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        if content[place + 4 : place + 8] in _ANIMATION:
            return True
        place += 12 + length
    return False


def _too_many(parts: str) -> str:
    return f"more than {MAX_PARTS} {parts}"


def _png_is_long(content: bytes) -> bool:
    place = len(_PNG)
    for _ in range(MAX_PARTS):
        if place + 8 > len(content):
            return False
        (length,) = struct.unpack_from(">I", content, place)
        place += 12 + length
    return True


def _jpeg_is_long(content: bytes) -> bool:
    """Walk to the first scan as Pillow does: fill bytes and junk between segments are a step each."""
    place = len(_JPEG)
    for _ in range(MAX_PARTS):
        if place + 4 > len(content):
            return False
        marker = content[place + 1]
        if content[place] != 0xFF or marker in (0x00, 0xFF):
            place += 1
        elif marker == _START_OF_SCAN:
            return False
        elif marker in _ALONE:
            place += 2
        else:
            (length,) = struct.unpack_from(">H", content, place + 2)
            place += 2 + max(2, length)
    return True


def _gif_is_long(content: bytes) -> bool:
    """Walk all blocks, as Pillow does in search of a second frame: each, and each junk byte, is a step."""
    place, parts, image_blocks = 13 + _table_bytes(content, 10), 0, 0
    while place < len(content) and content[place] != _TRAILER:
        parts += 1
        kind = content[place]
        if kind == _EXTENSION:
            place, blocks = _behind_blocks(content, place + 2, MAX_PARTS)
            parts += blocks
        elif kind == _IMAGE:
            place, blocks = _behind_blocks(
                content, place + 11 + _table_bytes(content, place + 9), MAX_IMAGE_BLOCKS
            )
            image_blocks += blocks
        else:
            place += 1
        if parts > MAX_PARTS or image_blocks > MAX_IMAGE_BLOCKS:
            return True
    return False


def _table_bytes(content: bytes, flags_at: int) -> int:
    """The size of the colour table that the flags announce."""
    flags = content[flags_at] if flags_at < len(content) else 0
    return 3 * (2 << (flags & 7)) if flags & 0x80 else 0


def _behind_blocks(content: bytes, place: int, most: int) -> tuple[int, int]:
    """Where the data sub-blocks from `place` on end, and how many they are; `most` + 1 ends the count."""
    blocks = 0
    while place < len(content) and content[place] and blocks <= most:
        place += 1 + content[place]
        blocks += 1
    return place + 1, blocks
