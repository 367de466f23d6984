"""What the image stage does, seen with the official client: real gateway and HTTP, scripted models."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import openai
import pytest
from PIL import Image
from support.gateway import POLICY, Painting, scripted_gateway

VIOLENT_IS = "action: redact, reason: Violent picture."
BLOCKS = POLICY.replace(VIOLENT_IS, "action: block, reason: The picture shows a weapon.")
DRAWS_ANEW = "max_regenerations: 2\n" + POLICY.replace(
    VIOLENT_IS, "action: regenerate, reason: Drawn anew without the weapon."
)
CLEAN, WEAPON = 0, 2
"""What `Looks` sees in a picture by its first pixel."""


class Altering(Painting):
    """A backend that also takes pictures."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        pictures = self.card.parameters | {"image", "mask", "strength"}
        self.card = dataclasses.replace(self.card, parameters=pictures)


@asynccontextmanager
async def official(folder: Path, policy: str, painting: Painting) -> AsyncIterator[openai.AsyncOpenAI]:
    async with scripted_gateway(folder, policy=policy, painting=painting) as scripted:
        transport = httpx2.ASGITransport(app=scripted.http._transport.app)  # type: ignore[attr-defined]
        async with openai.AsyncOpenAI(
            base_url="http://127.0.0.1:8080/v1",
            api_key="unused",
            http_client=httpx2.AsyncClient(transport=transport),
        ) as client:
            yield client


def png(mark: int) -> bytes:
    pixels = np.full((64, 64, 3), 90, np.uint8)
    pixels[0, 0, 0] = mark
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


async def test_four_pictures_with_a_bad_one_are_three_and_a_name(tmp_path: Path) -> None:
    """n = 4 with one that shows a weapon delivers three, and names the fourth with place and reason."""
    painting = Painting(marks=(CLEAN, CLEAN, WEAPON, CLEAN))
    async with official(tmp_path / "g", BLOCKS, painting) as client:
        answer = await client.images.generate(prompt="a kitchen blade", n=4)
    assert answer.data is not None
    assert len(answer.data) == 3
    assert answer.model_extra is not None
    (withheld,) = answer.model_extra["moderation"]["withheld"]
    assert (withheld["index"], withheld["action"]) == (2, "block")
    assert withheld["reason"] == "The picture shows a weapon."


async def test_drawing_anew_brings_a_clean_picture(tmp_path: Path) -> None:
    """A prompt that passed and drew a weapon is drawn again, and the client gets the clean picture."""
    painting = Painting(marks=(CLEAN, CLEAN, WEAPON, CLEAN))  # alone, the third one's place is drawn clean
    async with official(tmp_path / "g", DRAWS_ANEW, painting) as client:
        answer = await client.images.generate(prompt="a kitchen blade", n=4)
    assert answer.data is not None
    assert len(answer.data) == 4
    redrawn = answer.data[2].model_extra
    assert redrawn is not None
    assert redrawn["moderation"]["regenerations"] == 1
    assert len(painting.requests) == 2
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer.data[2].b64_json or ""))))
    assert shown[0, 0, 0] == CLEAN


async def test_or_it_is_an_honest_block(tmp_path: Path) -> None:
    """When every attempt shows a weapon the answer is a 400 of the output stage that says so."""
    async with official(tmp_path / "g", DRAWS_ANEW, Painting(marks=(WEAPON,))) as client:
        with pytest.raises(openai.BadRequestError) as raised:
            await client.images.generate(prompt="a kitchen blade")
    assert raised.value.code == "moderation_blocked"
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["moderation_details"]["moderation_stage"] == "output"
    assert raised.value.body["moderation"]["images"]["inspected"] == 3
    assert "each new one offended" in raised.value.body["moderation"]["reason"]


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # OpenAI retired its own variations
async def test_edits_and_variations_judge_what_comes_and_what_goes(tmp_path: Path) -> None:
    """A clean upload gives a picture; one that shows a weapon is an input block before anything is drawn."""
    painting = Altering()
    async with official(tmp_path / "g", BLOCKS, painting) as client:
        edited = await client.images.edit(image=png(CLEAN), prompt="a hat", size="64x64", n=2)
        varied = await client.images.create_variation(image=png(CLEAN), n=1)
        for call in (
            client.images.edit(image=png(WEAPON), prompt="a hat"),
            client.images.create_variation(image=png(WEAPON)),
        ):
            with pytest.raises(openai.BadRequestError) as raised:
                await call
            assert isinstance(raised.value.body, dict)
            assert raised.value.body["moderation_details"]["moderation_stage"] == "input"
        painting.marks = (WEAPON,)
        with pytest.raises(openai.BadRequestError) as raised:
            await client.images.edit(image=png(CLEAN), prompt="a hat")
    assert edited.data is not None
    assert varied.data is not None
    assert (len(edited.data), len(varied.data)) == (2, 1)
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["moderation_details"]["moderation_stage"] == "output"
    assert len(painting.requests) == 3


async def test_an_edit_streams_under_its_own_names(tmp_path: Path) -> None:
    """A stream of an edit has OpenAI's edit events."""
    async with official(tmp_path / "g", BLOCKS, Altering()) as client:
        stream = await client.images.edit(image=png(CLEAN), prompt="a hat", stream=True, partial_images=1)
        kinds = [event.type async for event in stream]
    assert kinds == ["image_edit.partial_image", "image_edit.completed"]
