"""`POST /v1/images/generations` over a scripted service."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from support.service import (
    PNG,
    ScriptedService,
    decision,
    image,
    withheld,
)

from gateway.api import schemas
from gateway.api.app import create_app
from gateway.api.body import read_bytes
from gateway.api.budget import ByteBudget, Share
from gateway.core.errors import ContentTooLarge, RequestInvalid
from gateway.core.outcomes import Blocked, Coverage, Delivered, Held, Hold, Partial
from gateway.core.requests import OutputFormat
from policies.decision import Action, Stage

PATH = "/v1/images/generations"


@pytest.mark.parametrize(("announced", "error"), [("9" * 5000, ContentTooLarge), ("²", RequestInvalid)])
async def test_an_announced_length_is_only_a_hint(
    announced: str, error: type[Exception], service: ScriptedService
) -> None:
    """A length of thousands of digits is too large, and one that is no number is not read as one."""
    messages = iter(
        [{"type": "http.request", "body": b"1234", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> dict[str, Any]:
        return next(messages)

    headers = [(b"content-length", announced.encode("latin-1"))]
    share = Share(ByteBudget(1_000))
    scope = {"type": "http", "headers": headers, "app": create_app(service), "imagegate.share": share}
    with pytest.raises(error):
        await read_bytes(Request(scope, receive), limit_bytes=10)


async def test_a_picture_is_delivered_with_its_decisions(client: httpx.AsyncClient) -> None:
    """A delivered picture comes as base64 with every decision and the log's head."""
    response = await client.post(PATH, json={"prompt": "a red apple"})

    assert response.status_code == 200
    body = schemas.ImagesResponse.model_validate(response.json()).model_dump()
    assert base64.b64decode(body["data"][0]["b64_json"]) == PNG
    assert body["size"] == "64x64"
    assert body["moderation"]["decisions"] == ["dec-1", "img-0"]
    assert body["moderation"]["images"] == {
        "total": 1,
        "inspected": 1,
        "classifiers": ["opennsfw"],
        "uncovered": [],
    }
    assert body["data"][0]["moderation"]["inspected"] is True
    assert response.headers["x-imagegate-decision"] == "dec-1"
    assert response.headers["x-imagegate-policy"] == "default@ab12cd34"
    assert response.headers["x-imagegate-log-size"] == "42"
    assert response.headers["x-imagegate-log-root"] == "ab" * 32


async def test_large_answers_go_out_in_pieces(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """Three large pictures arrive whole and with an exact length, though sent one by one."""
    contents = [bytes([index]) * (400_001 + index) for index in range(3)]
    service.answer = lambda r: Delivered(
        tuple(image(index, content, r) for index, content in enumerate(contents)),
        decision(),
        None,
        Coverage(3, 3),
    )
    response = await client.post(PATH, json={"prompt": "x", "n": 3})
    assert int(response.headers["content-length"]) == len(response.content)
    assert [base64.b64decode(entry["b64_json"]) for entry in response.json()["data"]] == contents


async def test_every_parameter_reaches_the_service(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """What is accepted is passed on; nothing is dropped on the way."""
    sent = {
        "prompt": "a red apple", "model": "emoji", "n": 2, "size": "128x128", "seed": 2**63 - 2,
        "negative_prompt": "pears", "num_inference_steps": 9, "guidance_scale": 3, "rewrite": "off",
        "output_format": "webp", "output_compression": 40, "user": "u-1", "quality": "auto",
        "background": "opaque", "moderation": "auto", "response_format": "b64_json",
    }  # fmt: skip
    response = await client.post(PATH, json=sent, headers={"x-request-id": "mine-1"})

    assert response.status_code == 200, response.text
    asked = service.requests[0]
    assert (asked.n, asked.width, asked.height, asked.seed) == (2, 128, 128, 2**63 - 2)
    assert (asked.negative_prompt, asked.steps, asked.guidance_scale) == ("pears", 9, 3.0)
    assert (asked.rewrite, asked.output_format, asked.output_compression) == (False, OutputFormat.WEBP, 40)
    assert asked.id == "mine-1"
    assert asked.caller.actor == "local/u-1"
    assert asked.deadline_s == 30.0


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "  \n"}, "prompt"),
        ({"prompt": "\u200b \U000e0041\u202e\x00"}, "prompt"),
        ({"prompt": "x" * 32_001}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"n": "2"}, "n"),
        ({"n": True}, "n"),
        ({"model": "dall-e-9"}, "model"),
        ({"size": "64"}, "size"),
        ({"size": "65x64"}, "size"),
        ({"size": "63x64", "model": "plain"}, "size"),
        ({"size": "512x512", "model": "plain"}, "size"),
        ({"quality": "best"}, "quality"),
        ({"quality": "high"}, "quality"),
        ({"style": "vivid"}, "style"),
        ({"background": "transparent"}, "background"),
        ({"moderation": "low"}, "moderation"),
        ({"moderation": "none"}, "moderation"),
        ({"output_format": "gif"}, "output_format"),
        ({"output_compression": 50}, "output_compression"),
        ({"output_compression": 101, "output_format": "jpeg"}, "output_compression"),
        ({"partial_images": 1}, "partial_images"),
        ({"partial_images": 4, "stream": True}, "partial_images"),
        ({"partial_images": 1, "stream": True, "model": "plain"}, "partial_images"),
        ({"stream": True, "response_format": "url"}, "response_format"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"seed": 2**63 - 1, "n": 2}, "seed"),
        ({"seed": 1, "model": "plain"}, "seed"),
        ({"negative_prompt": "x", "model": "plain"}, "negative_prompt"),
        ({"num_inference_steps": 51}, "num_inference_steps"),
        ({"guidance_scale": -1}, "guidance_scale"),
        ({"rewrite": "on"}, "rewrite"),
        ({"mask": "zzz-secret"}, "mask"),
    ],
)
async def test_a_wrong_parameter_is_named(
    client: httpx.AsyncClient, service: ScriptedService, change: dict[str, object], param: str
) -> None:
    """A wrong, unknown or unsupported parameter is a 400 that names it, and nothing is run."""
    response = await client.post(PATH, json={"prompt": "a red apple", **change})

    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param
    assert param in error["message"] or param == "model"
    assert "zzz-secret" not in response.text
    assert service.requests == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON"),
        (b"[1]", "must be a JSON object"),
        (b'{"prompt": "SECRET', "not valid JSON"),
        (b'{"prompt": "SECRET \\ud800"}', "lone surrogates"),
        (b'{"prompt": "SECRET \xff"}', "UTF-8"),
        (b'{"prompt": "a", "seed": 1e400}', "not valid JSON"),
        (b'{"prompt": "SECRET", "n": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deep"),
    ],
)
async def test_a_broken_body_is_explained_without_echo(
    client: httpx.AsyncClient, content: bytes, words: str
) -> None:
    """A body that is not JSON object is a 400 that says why and repeats nothing."""
    response = await client.post(PATH, content=content, headers={"content-type": "application/json"})

    assert response.status_code == 400
    assert words in response.json()["error"]["message"]
    assert "SECRET" not in response.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prompt": ""}, "prompt: must not be empty."),
        ({"prompt": "x" * 32_001}, "prompt: must have at most 32000 characters."),
        ({"size": "5x5"}, "size: must be auto or WIDTHxHEIGHT in pixels, as 512x512."),
        ({"n": 11}, "n: must be less than or equal to 10."),
    ],
)
async def test_a_message_says_what_to_send(
    client: httpx.AsyncClient, change: dict[str, object], words: str
) -> None:
    """The mend is written for who calls an API: no pattern and no word of a validator's own."""
    response = await client.post(PATH, json={"prompt": "a red apple", **change})
    assert response.json()["error"]["message"] == words


async def test_a_packed_body_is_refused(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """A Content-Encoding that would be ignored is a 400 that names it."""
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    response = await client.post(PATH, content=b'{"prompt": "a"}', headers=headers)
    assert response.status_code == 400
    assert "Content-Encoding" in response.json()["error"]["message"]
    assert service.requests == []


async def test_a_body_that_is_not_json_by_type_is_refused(client: httpx.AsyncClient) -> None:
    """A form or plain text, which any web page can send unasked, is refused."""
    response = await client.post(PATH, content=b'{"prompt": "a"}', headers={"content-type": "text/plain"})
    assert response.status_code == 400
    assert "Content-Type" in response.json()["error"]["message"]


async def test_a_large_body_is_refused_whether_announced_or_not(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """More than the limit is a 413, by its header or by counting."""

    async def chunks() -> object:
        for _ in range(20):
            yield b"x" * 100_000

    headers = {"content-type": "application/json"}
    announced = await client.post(PATH, content=b"x" * 1_000_001, headers=headers)
    counted = await client.post(PATH, content=chunks(), headers=headers)
    assert (announced.status_code, counted.status_code) == (413, 413)
    assert announced.json()["error"]["code"] == "content_too_large"
    assert service.requests == []


async def test_a_block_is_a_400_that_is_not_retried(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """A block names stage, categories, decision and public reason, and forbids the retry."""
    found = decision(Action.BLOCK, name="dec-9")
    service.answer = lambda _: Blocked(Stage.PROMPT, found, "It shows harm.")
    response = await client.post(PATH, json={"prompt": "bad words"})

    assert response.status_code == 400
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["x-imagegate-decision"] == "dec-9"
    error = response.json()["error"]
    schemas.ErrorBody.model_validate(response.json())
    assert (error["type"], error["code"]) == ("image_generation_user_error", "moderation_blocked")
    assert error["param"] is None
    assert error["moderation_details"] == {
        "moderation_stage": "input",
        "categories": ["violence/graphic"],
    }
    assert error["moderation"]["decision"] == "dec-9"
    assert error["moderation"]["reason"] == "It shows harm."
    assert "bad words" not in response.text


async def test_blocked_pictures_are_an_output_block(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """When every picture is withheld the block says `output` and names each one."""
    found = decision(Action.BLOCK, Stage.IMAGE, name="img-0")
    service.answer = lambda _: Blocked(
        Stage.IMAGE, found, "It shows harm.", withheld=(withheld(0), withheld(1)), coverage=Coverage(2, 2)
    )
    error = (await client.post(PATH, json={"prompt": "x", "n": 2})).json()["error"]
    assert error["moderation_details"]["moderation_stage"] == "output"
    assert [entry["index"] for entry in error["moderation"]["withheld"]] == [0, 1]


async def test_held_has_its_own_code(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """A held request is a 400 `moderation_held` that is not retried."""
    service.answer = lambda _: Held(
        Stage.PROMPT, decision(Action.HOLD), "A person looks at it.", hold=Hold("t-1", 7_000_000)
    )
    response = await client.post(PATH, json={"prompt": "x"})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "moderation_held"
    assert response.json()["error"]["moderation"]["held"] == {
        "ticket": "t-1", "url": "/v1/images/held/t-1", "deadline": 7,
    }  # fmt: skip
    assert response.headers["x-should-retry"] == "false"


async def test_partial_delivers_the_clean_and_names_the_rest(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """With n = 3 and one withheld, two pictures leave and the third is named with its reason."""
    service.answer = lambda r: Partial(
        (image(0, request=r), image(2, request=r)), (withheld(1),), decision(), None, Coverage(3, 3)
    )
    body = (await client.post(PATH, json={"prompt": "x", "n": 3})).json()
    assert [entry["moderation"]["index"] for entry in body["data"]] == [0, 2]
    assert body["moderation"]["outcome"] == "partial"
    assert body["moderation"]["withheld"] == [
        {
            "index": 1,
            "decision": "img-1",
            "action": "block",
            "categories": ["violence/graphic"],
            "reason": "It shows harm.",
            "regenerations": 0,
        }
    ]
