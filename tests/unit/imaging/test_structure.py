"""Files that are all structure are told by counting, and real pictures never are."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from gateway.imaging.decode import ImageRefused, decode_blocking
from gateway.imaging.structure import MAX_IMAGE_BLOCKS, MAX_PARTS, MAX_SCANS, excess


def _saved(kind: str, **options: object) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind, **options)
    return buffer.getvalue()


PNG, JPEG, PROGRESSIVE = _saved("PNG"), _saved("JPEG"), _saved("JPEG", progressive=True)
GIF = _saved("GIF")
LAST_SCAN = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
EMPTY_CHUNK = b"\0\0\0\0abCd\0\0\0\0"


@pytest.mark.parametrize(
    "content", [PNG, JPEG, PROGRESSIVE, _saved("WEBP"), GIF, b"GIF89a", b"", b"\xff\xd8"]
)
def test_ordinary_files_have_no_excess(content: bytes) -> None:
    """A picture as a program saves it passes, and so does what is too short to have parts."""
    assert excess(content) is None


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (PNG[:33] + EMPTY_CHUNK * MAX_PARTS + PNG[33:], "chunks"),
        (JPEG[:2] + b"\xff\xfe\0\2" * MAX_PARTS + JPEG[2:], "segments"),
        (JPEG[:2] + b"\xff" * MAX_PARTS + JPEG[2:], "segments"),
        (JPEG[:2] + b"\xff\xfe\0\2" + bytes(MAX_PARTS) + JPEG[2:], "segments"),
        (JPEG[:2] + b"\xff\xd0" * MAX_PARTS + JPEG[2:], "segments"),
        (GIF[:-1] + b"\x21\xfe" + b"\x01A" * MAX_PARTS + b"\0;", "blocks"),
        (GIF[:-1] + b"\x21\xfe\x01A\0" * MAX_PARTS + b";", "blocks"),
        (GIF[:-1] + b"A" * (MAX_PARTS + 1) + b";", "blocks"),
        (GIF[:-2] + b"\x01A" * (MAX_IMAGE_BLOCKS + 1) + b"\0;", "blocks"),
        (PROGRESSIVE[:-2] + LAST_SCAN * MAX_SCANS + PROGRESSIVE[-2:], "scans"),
    ],
)
def test_endless_parts_are_refused_by_name(content: bytes, word: str) -> None:
    """More chunks, segments, fill bytes, junk or scans than a picture has are refused before decoding."""
    with pytest.raises(ImageRefused, match=f"more than .* {word}"):
        decode_blocking(content)


def test_the_most_scans_are_taken() -> None:
    """The limit is a limit, not one too many."""
    scans = PROGRESSIVE.count(b"\xff\xda")
    assert decode_blocking(PROGRESSIVE[:-2] + LAST_SCAN * (MAX_SCANS - scans) + b"\xff\xd9").shape
