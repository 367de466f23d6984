"""The image route as server-sent events."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from support.service import PNG, ScriptedService, call_raw, decision, delivered, image, withheld

from gateway.api import image_stream
from gateway.api.app import create_app
from gateway.api.image_stream import Pending
from gateway.api.surface import Emit
from gateway.core.errors import GenerationFailed, Overloaded
from gateway.core.outcomes import Blocked, Coverage, Partial, PartialImage
from gateway.core.ports import Progress
from gateway.core.requests import ImageRequest, OutputFormat
from policies.decision import Action, Stage

PATH = "/v1/images/generations"
BODY = {"prompt": "x", "stream": True}


def preview(number: int = 0, *, blurred: bool = False) -> PartialImage:
    return PartialImage(0, number, b"tiny", OutputFormat.PNG, 64, 64, blurred, decision(stage=Stage.IMAGE))


def events(text: str) -> list[dict[str, Any]]:
    return [
        orjson.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data:")
    ]


def scripted(*shown: object, end: Callable[[ImageRequest], object] = delivered) -> Any:
    async def answer(request: ImageRequest, emit: Emit) -> object:
        for event in shown:
            await emit(event)  # type: ignore[arg-type]
            await asyncio.sleep(0)
        return end(request)

    return answer


async def test_progress_previews_and_the_picture(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """Steps come as comments, previews and the picture as the two events of the official client."""
    service.answer = scripted(Progress(1, 4), preview(0), Progress(3, 4), preview(1, blurred=True))
    response = await client.post(PATH, json={**BODY, "partial_images": 2})

    assert response.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in response.headers
    assert ': progress {"step":1,"steps":4}' in response.text
    first, second, last = events(response.text)
    assert first["type"] == "image_generation.partial_image"
    assert (first["partial_image_index"], second["partial_image_index"]) == (0, 1)
    assert second["moderation"]["blurred"] is True
    assert last["type"] == "image_generation.completed"
    assert base64.b64decode(last["b64_json"]) == PNG
    assert last["usage"]["total_tokens"] == last["usage"]["input_tokens"] + last["usage"]["output_tokens"]
    for key in ("created_at", "size", "quality", "background", "output_format"):
        assert key in first
        assert key in last


async def test_each_of_n_pictures_completes(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """With n = 3 and one withheld, two completed events come, each with its place and the withheld one."""
    service.answer = scripted(
        end=lambda r: Partial(
            (image(0, request=r), image(2, request=r)), (withheld(1),), decision(), None, Coverage(3, 3)
        )
    )
    sent = events((await client.post(PATH, json={**BODY, "n": 3})).text)
    assert [event["index"] for event in sent] == [0, 2]
    assert sent[0]["moderation"]["withheld"][0]["index"] == 1
    assert [event["usage"]["input_tokens"] > 0 for event in sent] == [True, False]


async def test_a_block_before_the_first_byte_is_an_ordinary_400(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """A prompt that is blocked never becomes a stream."""
    service.answer = scripted(end=lambda _: Blocked(Stage.PROMPT, decision(Action.BLOCK), "It shows harm."))
    response = await client.post(PATH, json=BODY)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "moderation_blocked"
    assert response.headers["x-should-retry"] == "false"


async def test_a_failure_before_the_first_byte_is_an_ordinary_status(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """An error of ours keeps its status when nothing was sent yet."""

    async def answer(_: ImageRequest, __: Emit) -> None:
        raise Overloaded("full", retry_after_s=1)

    service.answer = answer
    response = await client.post(PATH, json=BODY)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


async def test_a_block_on_the_way_ends_with_an_error(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """When the output stage blocks after progress, the last payload is the error and no picture leaves."""
    blocked = Blocked(Stage.IMAGE, decision(Action.BLOCK, Stage.IMAGE), "It shows harm.")
    service.answer = scripted(Progress(1, 2), end=lambda _: blocked)
    response = await client.post(PATH, json=BODY)
    assert response.status_code == 200
    (last,) = events(response.text)
    assert last["error"]["code"] == "moderation_blocked"
    assert last["error"]["moderation_details"]["moderation_stage"] == "output"
    assert "b64_json" not in response.text


async def test_a_failure_on_the_way_ends_with_an_error(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """A backend that fails after progress ends the stream with its error."""

    async def answer(_: ImageRequest, emit: Emit) -> None:
        await emit(Progress(1, 2))
        await asyncio.sleep(0.01)
        raise GenerationFailed("bad")

    service.answer = answer
    (last,) = events((await client.post(PATH, json=BODY)).text)
    assert last["error"] == {
        "message": "bad",
        "type": "server_error",
        "param": None,
        "code": "generation_failed",
    }


async def test_a_slow_reader_sees_the_newest_step_only() -> None:
    """Unsent steps are replaced, previews are kept."""
    pending = Pending()
    for event in (Progress(1, 9), Progress(2, 9), preview(), Progress(3, 9), Progress(4, 9)):
        await pending.emit(event)
    shown = [pending.take() for _ in range(4)]
    assert shown == [Progress(2, 9), shown[1], Progress(4, 9), None]
    assert isinstance(shown[1], PartialImage)


async def test_a_reader_that_leaves_mid_stream_cancels(service: ScriptedService) -> None:
    """Closing the connection between two events cancels the generation and frees its place."""
    started = asyncio.Event()

    async def answer(_: ImageRequest, emit: Emit) -> None:
        await emit(Progress(1, 2))
        await asyncio.Event().wait()

    service.answer = answer
    app = create_app(service)
    await call_raw(app, PATH, orjson.dumps(BODY), started, on_body=started.set)
    assert service.cancelled == 1
    assert app.state.edge.admission.in_flight == 0


async def test_a_reader_that_takes_nothing_loses_its_place(
    service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that stays connected and does not read holds no place for ever."""
    monkeypatch.setattr(image_stream, "SEND_TIMEOUT_S", 0.1)
    app = create_app(service)
    body = [{"type": "http.request", "body": orjson.dumps(BODY), "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return body.pop() if body else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)
        await asyncio.Event().wait()

    scope = {
        "type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")], "http_version": "1.1",
        "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
        "asgi": {"version": "3.0"},
    }  # fmt: skip
    async with asyncio.timeout(5):
        await app(scope, receive, send)
    assert len(sent) == 1
    assert app.state.edge.admission.in_flight == 0


async def test_an_unforeseen_failure_mid_stream_leaves_it_unfinished(service: ScriptedService) -> None:
    """What nobody foresaw cuts the stream off: no picture, no proper end, and the place is free again."""

    async def answer(_: ImageRequest, emit: Emit) -> None:
        await emit(Progress(1, 2))
        await asyncio.sleep(0.01)
        raise RuntimeError("SECRET")

    service.answer = answer
    app = create_app(service)
    sent = await call_raw(app, PATH, orjson.dumps(BODY), asyncio.Event())
    assert sent[0]["status"] == 200
    assert all(message["more_body"] for message in sent[1:])
    assert all(b"SECRET" not in message["body"] for message in sent[1:])
    assert app.state.edge.admission.in_flight == 0
