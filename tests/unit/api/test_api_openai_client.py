"""The official client, unchanged, over the scripted service."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
from support.service import PNG, ScriptedService, decision, delivered

from classifiers.signals import Modality
from gateway.api.app import create_app
from gateway.core.errors import ClassifierUnavailable
from gateway.core.moderation_types import Moderation
from gateway.core.outcomes import Blocked, PartialImage
from gateway.core.ports import Progress
from gateway.core.requests import OutputFormat
from policies.decision import Action, Stage

DATA_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


@pytest.fixture
async def ai(service: ScriptedService) -> AsyncIterator[openai.AsyncOpenAI]:
    transport = httpx2.ASGITransport(app=create_app(service))
    async with openai.AsyncOpenAI(
        base_url="http://127.0.0.1:8080/v1",
        api_key="unused",
        http_client=httpx2.AsyncClient(transport=transport),
    ) as client:
        yield client


async def test_generate(ai: openai.AsyncOpenAI) -> None:
    """`images.generate` gives a picture, and our own key survives in its models."""
    answer = await ai.images.generate(prompt="a red apple")
    assert answer.data is not None
    assert base64.b64decode(answer.data[0].b64_json or "") == PNG
    assert answer.usage is not None
    assert answer.model_extra is not None
    assert answer.model_extra["moderation"]["decision"] == "dec-1"


async def test_generate_four(ai: openai.AsyncOpenAI) -> None:
    """n = 4 gives four pictures."""
    answer = await ai.images.generate(prompt="x", n=4, size="128x128", output_format="jpeg")
    assert answer.data is not None
    assert len(answer.data) == 4
    assert (answer.size, answer.output_format, answer.background) == ("128x128", "jpeg", "opaque")


async def test_stream(ai: openai.AsyncOpenAI, service: ScriptedService) -> None:
    """Streaming gives typed events, and progress disturbs nobody."""

    async def answer(request: Any, emit: Any) -> object:
        await emit(Progress(1, 2))
        await emit(PartialImage(0, 0, b"tiny", OutputFormat.PNG, 64, 64, False, None))
        return delivered(request)

    service.answer = answer
    stream = await ai.images.generate(prompt="x", stream=True, partial_images=1)
    seen = [event async for event in stream]
    assert [event.type for event in seen] == ["image_generation.partial_image", "image_generation.completed"]
    assert [type(event).__name__ for event in seen] == ["ImageGenPartialImageEvent", "ImageGenCompletedEvent"]
    for event in seen:
        type(event).model_validate(event.model_dump())  # strictly of the client's own types
    assert base64.b64decode(seen[1].b64_json) == PNG


async def test_a_block_mid_stream_raises(ai: openai.AsyncOpenAI, service: ScriptedService) -> None:
    """A block after progress raises in the client, with the code."""

    async def answer(_: Any, emit: Any) -> object:
        await emit(Progress(1, 2))
        return Blocked(Stage.IMAGE, decision(Action.BLOCK, Stage.IMAGE), "It shows harm.")

    service.answer = answer
    stream = await ai.images.generate(prompt="x", stream=True)
    with pytest.raises(openai.APIError) as raised:
        _ = [event async for event in stream]
    assert raised.value.code == "moderation_blocked"


async def test_a_block_raises_once(ai: openai.AsyncOpenAI, service: ScriptedService) -> None:
    """A block is a BadRequestError with its details, and the client does not retry."""
    service.answer = lambda _: Blocked(Stage.PROMPT, decision(Action.BLOCK), "It shows harm.")
    with pytest.raises(openai.BadRequestError) as raised:
        await ai.images.generate(prompt="x")
    assert raised.value.code == "moderation_blocked"
    assert raised.value.type == "image_generation_user_error"
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["moderation_details"]["moderation_stage"] == "input"
    assert len(service.requests) == 1


async def test_our_own_failure_is_retried(ai: openai.AsyncOpenAI, service: ScriptedService) -> None:
    """A 503 with Retry-After is retried by the client, and the second answer arrives."""

    def once(request: Any) -> object:
        if len(service.requests) == 1:
            raise ClassifierUnavailable("down", retry_after_s=0.01)
        return delivered(request)

    service.answer = once
    answer = await ai.images.generate(prompt="x")
    assert answer.data
    assert len(service.requests) == 2


async def test_moderations(ai: openai.AsyncOpenAI, service: ScriptedService) -> None:
    """A text, an array and a multimodal input each give the results that OpenAI would give."""
    one = await ai.moderations.create(input="hello")
    two = await ai.moderations.create(input=["a", "b"], model="omni-moderation-latest")
    service.moderation = lambda _: Moderation(
        ((Modality.TEXT, decision()), (Modality.IMAGE, decision(Action.BLOCK, Stage.IMAGE))), {}
    )
    mixed = await ai.moderations.create(
        input=[
            {"type": "text", "text": "hello"},
            {"type": "image_url", "image_url": {"url": DATA_URL}},
        ]
    )
    assert (len(one.results), len(two.results), len(mixed.results)) == (1, 2, 1)
    assert one.results[0].flagged is False
    assert mixed.results[0].flagged is True
    assert mixed.results[0].categories.violence_graphic is True
    assert service.moderated[-1][0][0].images == (PNG,)


async def test_models(ai: openai.AsyncOpenAI) -> None:
    """`models.list` and `models.retrieve` work, and an unknown name is NotFoundError."""
    listed = await ai.models.list()
    assert [model.id for model in listed.data] == ["emoji", "words"]
    assert (await ai.models.retrieve("emoji")).owned_by == "imagegate"
    with pytest.raises(openai.NotFoundError):
        await ai.models.retrieve("nobody")
