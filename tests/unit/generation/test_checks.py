"""Requests are refused by the client's field name; output that can't be a picture is refused too."""

import numpy as np
import pytest
from PIL import Image

from gateway.core.errors import GenerationFailed, RequestInvalid
from gateway.core.ports import GenerationRequest, GeneratorCard, ModelIdentity
from gateway.generation.checks import as_pictures, check_request

CARD = GeneratorCard(
    name="test",
    identity=ModelIdentity("generator", "test", "1"),
    default_size=(64, 64),
    max_pixels=128 * 128,
    max_steps=10,
    parameters=frozenset({"seed", "steps", "guidance_scale"}),
)


def request(**changes):
    fields = {"width": 64, "height": 64, "seeds": (1,), "negative_prompt": None} | changes
    return GenerationRequest("r", "a red apple", **fields)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seeds": ()}, "n"),
        ({"seeds": (-1,)}, "seed"),
        ({"seeds": (1, 2**63)}, "seed"),
        ({"width": 60}, "size"),
        ({"height": 0}, "size"),
        ({"width": 136, "height": 128}, "size"),
        ({"steps": 0}, "num_inference_steps"),
        ({"steps": 11}, "num_inference_steps"),
        ({"guidance_scale": float("nan")}, "guidance_scale"),
        ({"guidance_scale": float("inf")}, "guidance_scale"),
        ({"guidance_scale": -1.0}, "guidance_scale"),
        ({"negative_prompt": ""}, "negative_prompt"),
        ({"quality": "high"}, "quality"),
        ({"background": "transparent"}, "background"),
        ({"style": "vivid"}, "style"),
        ({"preview_count": 1}, "partial_images"),
    ],
)
def test_a_refusal_names_the_field(changes, field):
    """Every fault is a RequestInvalid with the client's name of the field, in message and param."""
    with pytest.raises(RequestInvalid, match=field) as refused:
        check_request(CARD, request(**changes))

    assert refused.value.param == field
    assert "apple" not in refused.value.message


@pytest.mark.parametrize(
    "changes", [{}, {"width": 128, "height": 128}, {"steps": 1}, {"steps": 10}, {"guidance_scale": 0.0}]
)
def test_what_the_card_names_passes(changes):
    """The edges of every range are inside it."""
    check_request(CARD, request(**changes))


@pytest.mark.parametrize(
    "output",
    [
        np.random.default_rng(0).integers(0, 256, (2, 8, 16, 3), dtype=np.uint8),
        np.random.default_rng(0).random((2, 8, 16, 3), dtype=np.float32),
        [Image.new("RGB", (16, 8), "red"), Image.new("RGB", (16, 8), "blue")],
    ],
    ids=["uint8", "float", "pil"],
)
def test_usual_output_becomes_pixels(output):
    """Arrays of both kinds and PIL pictures become H x W x 3 uint8."""
    pictures = as_pictures(output, count=2, width=16, height=8)

    assert [(p.shape, p.dtype) for p in pictures] == [((8, 16, 3), np.dtype(np.uint8))] * 2


def _with(value):
    output = np.full((1, 8, 8, 3), 0.5, dtype=np.float32)
    output[0, 0, 0, 0] = value
    return output


@pytest.mark.parametrize(
    "output",
    [
        None,
        "a string of eight letters",
        np.zeros((0, 8, 8, 3), np.uint8),
        np.full((2, 8, 8, 3), 9, np.uint8),
        np.full((1, 8, 9, 3), 9, np.uint8),
        np.full((1, 8, 8, 4), 9, np.uint8),
        np.full((1, 8, 8), 9, np.uint8),
        np.full((1, 8, 8, 3), 9, np.int64),
        _with(float("nan")),
        _with(float("inf")),
        _with(1.5),
        _with(-0.5),
        np.zeros((1, 8, 8, 3), np.uint8),
        np.zeros((1, 8, 8, 3), np.float32),
    ],
    ids=str,
)
def test_garbage_is_no_picture(output):
    """Wrong count, shape, type or range, NaN and all-black pictures are failures, never delivered."""
    with pytest.raises(GenerationFailed):
        as_pictures(output, count=1, width=8, height=8)
