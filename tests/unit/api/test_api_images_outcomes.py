"""What an image answer says about rewrites, coverage and our own failures."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest
from support.service import (
    PNG,
    FakePolicies,
    FakeServer,
    ScriptedService,
    call_raw,
    decision,
    delivered,
    image,
)

from classifiers.signals import Span
from gateway.api.app import create_app
from gateway.core.errors import (
    AuditUnavailable,
    ClassifierUnavailable,
    GatewayError,
    GenerationFailed,
    Overloaded,
    RewriteFailed,
    StageTimeout,
)
from gateway.core.outcomes import Coverage, Delivered, RewriteTrace
from gateway.core.ports import ModelIdentity

PATH = "/v1/images/generations"


async def test_a_rewritten_prompt_is_shown(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """Whenever the prompt was rewritten every picture carries the revised one."""
    called_for = replace(decision(), id="original")
    model = ModelIdentity("rewriter", "smollm2", "1")
    trace = RewriteTrace('a "calm" scene', 1, called_for, model, (Span(0, 1),), 0.25)
    service.answer = lambda r: replace(delivered(r), rewrite=trace)
    body = (await client.post(PATH, json={"prompt": "x", "n": 2})).json()
    assert [entry["revised_prompt"] for entry in body["data"]] == ['a "calm" scene'] * 2
    assert body["moderation"]["action"] == "rewrite"
    assert body["moderation"]["rewrite"]["attempts"] == 1
    assert body["moderation"]["rewrite"]["changed"] == [{"start": 0, "end": 1}]
    assert body["moderation"]["rewrite"]["drift"] == 0.25
    assert body["moderation"]["decisions"][0] == "original"


async def test_an_unjudged_picture_says_so(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """A picture that no classifier saw is never called inspected."""
    service.answer = lambda r: Delivered(
        (replace(image(request=r), decision=None),), decision(), None, Coverage(1, 0)
    )
    body = (await client.post(PATH, json={"prompt": "x"})).json()
    assert body["data"][0]["moderation"]["inspected"] is False
    assert body["data"][0]["moderation"]["decision"] is None
    assert body["moderation"]["images"]["inspected"] == 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Overloaded("full", retry_after_s=0.25), 503),
        (ClassifierUnavailable("down", retry_after_s=2), 503),
        (AuditUnavailable("down"), 503),
        (RewriteFailed("bad"), 502),
        (GenerationFailed("bad"), 502),
        (StageTimeout("late"), 504),
    ],
)
async def test_our_own_failures_have_their_status(
    client: httpx.AsyncClient, service: ScriptedService, error: GatewayError, status: int
) -> None:
    """Each failure answers with its documented status and retry headers, and without a picture."""

    def fail(_: object) -> None:
        raise error

    service.answer = fail
    response = await client.post(PATH, json={"prompt": "x"})
    assert response.status_code == status
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert ("retry-after" in response.headers) is (status == 503)
    if status == 503:
        wait_s = error.retry_after_s or 1
        assert int(response.headers["retry-after"]) >= wait_s
        assert int(response.headers["retry-after-ms"]) == wait_s * 1000


async def test_an_unforeseen_error_tells_nothing(
    client: httpx.AsyncClient, service: ScriptedService, caplog: pytest.LogCaptureFixture
) -> None:
    """Any other exception is a 500 with an id; neither answer nor log quotes it."""

    def fail(_: object) -> None:
        raise KeyError("SECRET prompt")

    service.answer = fail
    response = await client.post(PATH, json={"prompt": "SECRET prompt"})
    assert response.status_code == 500
    assert "SECRET" not in response.text + caplog.text
    assert "Incident" in response.json()["error"]["message"]
    assert any(getattr(r, "fields", {}).get("class") == "KeyError" for r in caplog.records)


async def test_moderation_low_selects_what_the_operator_allows(service: ScriptedService) -> None:
    """`moderation: low` runs the operator's looser policy, only when there is one."""
    service.settings = replace(service.settings, policies=FakePolicies(low="permissive"))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(service)), base_url="http://localhost"
    ) as client:
        assert (await client.post(PATH, json={"prompt": "x", "moderation": "low"})).status_code == 200
        assert (await client.post(PATH, json={"prompt": "x"})).status_code == 200
    assert [asked.caller.policy for asked in service.requests] == ["permissive", None]


async def test_a_picture_by_url_can_be_fetched(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """`url` gives an address with an unguessable name that serves the very bytes."""
    body = (await client.post(PATH, json={"prompt": "x", "n": 2, "response_format": "url"})).json()
    urls = [entry["url"] for entry in body["data"]]
    assert len(set(urls)) == 2
    assert all(url.startswith("http://127.0.0.1:8080/v1/images/files/") for url in urls)
    picture = await client.get(urls[0])
    assert picture.content == PNG
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["x-content-type-options"] == "nosniff"
    head = await client.head(urls[0])
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(PNG))


async def test_an_expired_or_guessed_address_is_not_found(service: ScriptedService) -> None:
    """When its time is over a picture is gone; no other file of the folder can be read."""
    service.settings = replace(
        service.settings, server=FakeServer(image_url_ttl_s=0.05, public_url="https://pictures.example")
    )
    app = create_app(service)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://localhost"
    ) as client:
        body = (await client.post(PATH, json={"prompt": "x", "response_format": "url"})).json()
        url = body["data"][0]["url"]
        assert url.startswith("https://pictures.example/v1/images/files/")
        name = url.rsplit("/", 1)[1]
        (service.settings.images_folder / "other.txt").write_text("SECRET")
        await asyncio.sleep(0.06)
        for wanted in (name, "other.txt", "..%2Fother.txt", "a" * 22 + ".png"):
            assert (await client.get(f"/v1/images/files/{wanted}")).status_code == 404
        assert app.state.edge.files.sweep() == 1
        assert [file.name for file in service.settings.images_folder.iterdir()] == ["other.txt"]


async def test_a_client_that_leaves_cancels_the_work(service: ScriptedService) -> None:
    """When the connection closes, generation is cancelled and has ended before the call returns."""
    running = asyncio.Event()

    async def endless(_: object) -> None:
        running.set()
        await asyncio.Event().wait()

    service.answer = endless
    app = create_app(service)
    sent = await call_raw(app, PATH, b'{"prompt": "x"}', running)
    assert service.cancelled == 1
    assert app.state.edge.admission.in_flight == 0
    assert all(message.get("status") != 200 for message in sent)
