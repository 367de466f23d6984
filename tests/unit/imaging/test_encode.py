"""Encoding: the fast PNG is lossless and well-formed, JPEG and WebP obey the quality."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gateway.core.requests import OutputFormat
from gateway.imaging.encode import encode, encode_off_loop


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def reopened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_png_is_lossless_at_any_size(height, width, seed):
    """Every pixel comes back from the fast PNG, odd and one-pixel sizes included."""
    pixels = noise(height, width, seed)

    image = reopened(encode(pixels, OutputFormat.PNG))

    assert image.format == "PNG"
    assert np.array_equal(np.asarray(image), pixels)


def test_png_takes_views_and_read_only_pixels():
    """A strided, read-only view is encoded as what it shows."""
    pixels = noise(20, 30)[::-1, ::2]
    pixels.flags.writeable = False

    assert np.array_equal(np.asarray(reopened(encode(pixels, OutputFormat.PNG))), pixels)


def test_png_checksums_hold():
    """The chunks' CRCs are right: Pillow's strict verification passes."""
    Image.open(io.BytesIO(encode(noise(64, 65), OutputFormat.PNG))).verify()


@pytest.mark.parametrize(("format_", "name"), [(OutputFormat.JPEG, "JPEG"), (OutputFormat.WEBP, "WEBP")])
def test_lossy_formats_obey_the_quality(format_, name):
    """Lower compression quality means fewer bytes, at the same size in pixels."""
    y, x = np.mgrid[0:63, 0:95]
    pixels = np.stack([x * 2, y * 3, (x + y) % 256], axis=2).astype(np.uint8)
    sizes = []
    for quality in (0, 50, 100):
        content = encode(pixels, format_, quality)
        image = reopened(content)
        assert (image.format, image.size) == (name, (95, 63))
        sizes.append(len(content))

    assert sizes == sorted(sizes)
    best = np.asarray(reopened(encode(pixels, format_, 100)).convert("RGB")).astype(int)
    assert np.abs(best - pixels).mean() < 4


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(pixels):
    """Anything but H x W x 3 uint8 is refused instead of encoded askew."""
    with pytest.raises(ValueError, match="H x W x 3 uint8"):
        encode(pixels, OutputFormat.PNG)


@pytest.mark.parametrize("compression", [-1, 101])
def test_compression_has_bounds(compression):
    """Compression outside 0..100 is refused."""
    with pytest.raises(ValueError, match=r"not in 0\.\.100"):
        encode(noise(2, 2), OutputFormat.JPEG, compression)


async def test_off_the_loop_gives_the_same_bytes():
    """The async way is the same encoder in another thread."""
    pixels = noise(16, 16)

    assert await encode_off_loop(pixels, OutputFormat.PNG) == encode(pixels, OutputFormat.PNG)
