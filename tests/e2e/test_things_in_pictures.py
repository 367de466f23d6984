"""A prompt that passes as text and draws a weapon: the embedded parts, with the official client."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI
from support.gateway import Painting, scripted_gateway

from classifiers.image.picture_concepts import PictureConceptsClassifier
from gateway.core.ports import Generated, GenerationRequest
from gateway.generation.diffusers_backend import DiffusersGenerator
from gateway.generation.emoji import from_options

pytestmark = pytest.mark.models

KNIFE = "a kitchen knife"
"""No word list and no prompt classifier minds it; what is drawn is a knife, with any seed."""
APPLE = "a red apple"
POLICY = """\
name: scripted
description: The embedded judge of drawn pictures alone, for what its signals lead to.
owner: tests
bands:
  default: {low: 0.35, medium: 0.6, high: 0.85}
  violence: {low: 0.25, medium: 0.45, high: 0.8}
rewrite: {mode: off}
stages:
  prompt:
    classifiers: [{name: words, timeout_ms: 1000}]
    rules: [{id: violent, when: {category: violence, at_least: high}, action: block}]
  image:
    classifiers: [{name: picture-concepts, timeout_ms: 30000}]
    rules:
      - {id: armed, when: {category: violence, at_least: medium}, action: block, reason: It shows a weapon.}
"""
DRAWS_ANEW = "max_regenerations: 2\n" + POLICY.replace("action: block, reason", "action: regenerate, reason")


@pytest.fixture(scope="module")
def emoji() -> DiffusersGenerator:
    """The embedded generator at the smallest size that is still enlarged."""
    return from_options("painting", {"default_size": "128x128"})


Drawings = dict[str, Any]


@pytest.fixture
async def drawings(emoji: DiffusersGenerator) -> Drawings:
    """What the embedded generator draws for a knife and for an apple: pixels by prompt."""
    await emoji.start()
    drawn = {}
    for prompt in (KNIFE, APPLE):
        request = GenerationRequest(prompt, prompt, None, 128, 128, (1,), timeout_s=60)
        async for event in emoji.generate(request):
            if isinstance(event, Generated):
                drawn[prompt] = event.pictures[0].pixels
    return drawn


class Showing(Painting):
    """Its n-th request shows the n-th of `shown`: the generator's own drawings, without its chance."""

    def __init__(self, drawings: Drawings, shown: list[list[str]]) -> None:
        super().__init__()
        self.card = dataclasses.replace(self.card, default_size=(128, 128))
        self._drawings, self._shown = drawings, shown

    def pictures(self, request: GenerationRequest) -> list[Any]:
        return [self._drawings[name] for name in self._shown[len(self.requests) - 1]]


@asynccontextmanager
async def official(
    folder: Path, policy: str, emoji: DiffusersGenerator | Painting
) -> AsyncIterator[openai.AsyncOpenAI]:
    await emoji.start()
    async with scripted_gateway(
        folder,
        policy=policy,
        painting=emoji,
        more=[PictureConceptsClassifier()],
        request_timeout_s=120,
    ) as scripted:
        transport = httpx2.ASGITransport(app=scripted.http._transport.app)  # type: ignore[attr-defined]
        async with openai.AsyncOpenAI(
            base_url="http://127.0.0.1:8080/v1",
            api_key="unused",
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=transport, timeout=120),
        ) as client:
            yield client


def moderation(error: openai.BadRequestError) -> dict[str, Any]:
    assert error.code == "moderation_blocked"
    assert isinstance(error.body, dict)
    return {**error.body["moderation"], **error.body["moderation_details"]}


def test_strict_blocks_the_picture_that_its_text_rules_passed(client: OpenAI) -> None:
    """Under `strict` the prompt passes, the picture is a weapon, and the block is the output stage's."""
    with pytest.raises(openai.BadRequestError) as raised:
        client.images.generate(prompt=KNIFE, size="256x256", moderation="low", extra_body={"seed": 1})
    told = moderation(raised.value)
    assert told["moderation_stage"] == "output"
    assert told["categories"] == ["violence"]
    assert told["images"]["inspected"] == 1
    assert "could show a weapon" in told["reason"]


def test_default_delivers_it_and_the_finding_is_on_record(client: OpenAI) -> None:
    """Under `default` a drawn knife is no harm: delivered, with its severity beside it."""
    answer = client.images.generate(prompt=KNIFE, size="256x256", extra_body={"seed": 1})
    assert answer.data is not None
    assert answer.data[0].b64_json
    beside = answer.data[0].to_dict()["moderation"]
    assert isinstance(beside, dict)
    assert beside["severities"]["violence"] in {"medium", "high"}
    whole = answer.to_dict()["moderation"]
    assert isinstance(whole, dict)
    assert "violence" not in whole["images"]["uncovered"]  # type: ignore[index]


async def test_drawing_anew_brings_a_clean_picture(tmp_path: Path, drawings: Drawings) -> None:
    """With `regenerate`, a weapon drawn by chance is drawn again, and the clean picture delivered."""
    painting = Showing(drawings, shown=[[KNIFE], [APPLE]])
    async with official(tmp_path / "g", DRAWS_ANEW, painting) as client:
        answer = await client.images.generate(prompt="a still life")
    assert answer.data is not None
    beside = answer.data[0].to_dict()["moderation"]
    assert isinstance(beside, dict)
    assert beside["regenerations"] == 1
    assert "weapon" in (painting.requests[1].negative_prompt or "")


async def test_or_it_is_an_honest_block(tmp_path: Path, emoji: DiffusersGenerator) -> None:
    """With `regenerate`, a knife that stays one is a block after every attempt, each of them seen."""
    async with official(tmp_path / "g", DRAWS_ANEW, emoji) as client:
        with pytest.raises(openai.BadRequestError) as raised:
            await client.images.generate(prompt=KNIFE, extra_body={"seed": 1})
    told = moderation(raised.value)
    assert told["moderation_stage"] == "output"
    assert told["images"]["inspected"] == 3
    assert "each new one offended" in told["reason"]


async def test_of_four_pictures_the_one_with_a_weapon_is_named(tmp_path: Path, drawings: Drawings) -> None:
    """n = 4 delivers the three clean ones and names the fourth, with place and reason."""
    painting = Showing(drawings, shown=[[APPLE, APPLE, APPLE, KNIFE]])
    async with official(tmp_path / "g", POLICY, painting) as client:
        answer = await client.images.generate(prompt="a still life", n=4)
    assert answer.data is not None
    assert len(answer.data) == 3
    whole = answer.to_dict()["moderation"]
    assert isinstance(whole, dict)
    (withheld,) = whole["withheld"]  # type: ignore[misc]
    assert (withheld["index"], withheld["reason"]) == (3, "It shows a weapon.")
