"""Blurring leaves a handful of numbers; near pictures have near hashes."""

import io

import numpy as np
import pytest
from PIL import Image

from gateway.imaging.blur import blur
from gateway.imaging.perceptual import hamming_distance, perceptual_hash


def scene(seed, height=128, width=128):
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return np.array(coarse.resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("shape", [(64, 64), (31, 77), (200, 3), (1, 1), (512, 256)])
def test_blur_keeps_the_size(shape):
    """A blurred picture has the size and type of the original."""
    blurred = blur(scene(0, *shape))

    assert blurred.shape == (*shape, 3)
    assert blurred.dtype == np.uint8


def test_blur_forgets_everything_inside_a_cell():
    """Two pictures with equal averages per cell are the same once blurred: nothing can be brought back."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    cells = pixels.reshape(8, 32, 8, 32, 3)
    shuffled = cells[:, rng.permutation(32)][:, :, :, rng.permutation(32)].reshape(256, 256, 3)

    assert not np.array_equal(pixels, shuffled)
    assert np.array_equal(blur(pixels), blur(shuffled))


def test_blur_refuses_to_be_weak():
    """More cells than the limit are refused."""
    with pytest.raises(ValueError, match="recognisable"):
        blur(scene(0), cells=9)


def test_hash_survives_re_encoding_and_scaling():
    """A re-encoded, smaller copy differs in a few bits, another picture in many."""
    original = scene(1)
    buffer = io.BytesIO()
    Image.fromarray(original).resize((90, 90)).save(buffer, "JPEG", quality=70)
    copy = np.array(Image.open(buffer).convert("RGB"))

    assert len(perceptual_hash(original)) == 16
    assert hamming_distance(perceptual_hash(original), perceptual_hash(copy)) <= 4
    assert hamming_distance(perceptual_hash(original), perceptual_hash(scene(2))) >= 12
