"""Image-to-image and inpainting of the diffusers backend, on tiny pipelines and on the embedded model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.core.errors import RequestInvalid
from gateway.core.ports import GenerationRequest, Progress
from gateway.core.requests import SourcePicture
from gateway.generation.diffusers_backend import DiffusersGenerator
from gateway.generation.emoji import from_options
from gateway.generation.testing import distance, pixels_of, running

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
LEFT = np.zeros((64, 64), dtype=bool)
LEFT[:, :32] = True


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], DiffusersGenerator]:
    from support import tiny_pipelines

    @functools.cache
    def folder(family: str) -> Path:
        made: Path = getattr(tiny_pipelines, f"tiny_{family}")(tmp_path_factory.mktemp(family))
        return made

    def make(family: str) -> DiffusersGenerator:
        options = {"model": str(folder(family)), "default_size": "64x64", "default_steps": 4}
        return DiffusersGenerator.from_options("tiny", options)

    return make


def request(source: SourcePicture | None, *seeds: int, **changes: Any) -> GenerationRequest:
    plain = GenerationRequest(
        "r-1", "a red apple", None, 64, 64, seeds or (1,), source=source, timeout_s=60.0
    )
    return replace(plain, **changes)


@pytest.mark.parametrize("family", ["sd", "sdxl", "flux"])
async def test_a_drawing_begins_with_the_picture(tiny: Any, family: str) -> None:
    """The picture, its mask and the strength each change what is drawn, and the same request repeats it."""
    async with running(tiny(family)) as generator:
        assert {"image", "mask", "strength"} <= generator.card.parameters
        (plain,) = await pixels_of(generator, request(None))
        (changed,) = await pixels_of(generator, request(SourcePicture(NOISE, None, 0.5)))
        (again,) = await pixels_of(generator, request(SourcePicture(NOISE, None, 0.5)))
        (farther,) = await pixels_of(generator, request(SourcePicture(NOISE, None, 1.0)))
        (other,) = await pixels_of(generator, request(SourcePicture(255 - NOISE, None, 0.5)))
        (masked,) = await pixels_of(generator, request(SourcePicture(NOISE, LEFT, 0.5)))
        several = await pixels_of(generator, request(SourcePicture(NOISE, None, 0.5), 1, 2, 3))
    assert np.array_equal(changed, again)
    for different in (plain, farther, other, masked):
        assert not np.array_equal(changed, different)
    assert len(several) == 3
    assert distance(several[0], changed) <= 2


async def test_progress_counts_the_steps_that_are_drawn(tiny: Any) -> None:
    """With half the strength half of the steps are drawn, and progress ends at its own total."""
    async with running(tiny("sd")) as generator:
        events = [event async for event in generator.generate(request(SourcePicture(NOISE, None, 0.5)))]
    steps = [(event.step, event.steps) for event in events if isinstance(event, Progress)]
    assert steps == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("source", "field"),
    [
        (SourcePicture(NOISE, None, 0.2), "strength"),
        (SourcePicture(NOISE, None, 0.0), "strength"),
        (SourcePicture(NOISE[:32], None, 0.5), "image"),
        (SourcePicture(NOISE, LEFT[:32], 0.5), "image"),
    ],
)
async def test_what_would_draw_nothing_is_refused(tiny: Any, source: SourcePicture, field: str) -> None:
    """Less than one step, and a picture or mask of another size, are refused by name."""
    async with running(tiny("sd")) as generator:
        with pytest.raises(RequestInvalid) as raised:
            await pixels_of(generator, request(source))
    assert raised.value.param == field


@pytest.mark.models
async def test_the_embedded_model_changes_pictures() -> None:
    """A weak edit stays near its picture, a strong one does not, and outside a mask no pixel changes."""
    async with running(from_options("emoji", {"default_size": "64x64", "default_steps": 6})) as generator:
        (apple,) = await pixels_of(generator, request(None, 7))
        pear = {"prompt": "a green pear"}
        (near,) = await pixels_of(generator, request(SourcePicture(apple, None, 0.2), **pear))
        (far,) = await pixels_of(generator, request(SourcePicture(apple, None, 0.9), **pear))
        (masked,) = await pixels_of(generator, request(SourcePicture(apple, LEFT, 0.9), **pear))
    whole = apple.astype(int)
    assert np.abs(near - whole).mean() < np.abs(far - whole).mean() / 2
    assert np.abs(masked[:, 32:] - whole[:, 32:]).max() <= 1
    assert np.abs(masked[:, :32] - whole[:, :32]).mean() > 5
