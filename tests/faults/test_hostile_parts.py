"""Parts that do not play along: they ignore cancellation, cancel themselves, or fail two at a time.

Whatever they do, an answer comes within the deadline and a little grace, and no picture leaves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.gateway import Painting, Rewriting, Words, hurried, scripted_gateway

from classifiers.signals import Signal, Span
from gateway.core.errors import AuditUnavailable, PluginError
from gateway.core.ports import Generated, GenerationEvent, GenerationRequest, Picture, Progress
from gateway.service.settings import RewriterSettings
from gateway.service.wiring import build_rewriter

HEADERS = {"x-request-id": "hostile"}
DEADLINE_S = 0.5
"""For a request that is to run into it."""
LONG_S = 30.0
PROMPT = {"prompt": "a red apple"}


async def _stubborn() -> None:
    """Await for four seconds, whoever cancels."""
    end = time.monotonic() + 4
    while time.monotonic() < end:
        try:
            await asyncio.sleep(end - time.monotonic())
        except asyncio.CancelledError:
            continue


async def _closes_never(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
    try:
        yield Progress(1, 2)
        await asyncio.sleep(60)
    finally:
        await _stubborn()


async def _ignores_cancelling(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
    await _stubborn()
    yield Generated((Picture(np.zeros((64, 64, 3), np.uint8)),))


async def _cancels_itself(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
    yield Progress(1, 2)
    raise asyncio.CancelledError


async def _no_array(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
    yield Generated((Picture(pixels="a picture, honestly"),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("draw", "deadline_s", "status", "code"),
    [
        (_closes_never, DEADLINE_S, 504, "stage_timeout"),
        (_ignores_cancelling, DEADLINE_S, 504, "stage_timeout"),
        (_cancels_itself, LONG_S, 502, "generation_failed"),
        (_no_array, LONG_S, 502, "generation_failed"),
    ],
)
async def test_a_backend_can_not_hold_the_answer(
    draw: Any, deadline_s: float, status: int, code: str, tmp_path: Path
) -> None:
    """The documented error comes in time, the trail is closed, and the place in the server is free again."""
    painting = Painting(fault=draw)
    async with scripted_gateway(tmp_path / "g", painting=painting, request_timeout_s=deadline_s) as scripted:
        async with asyncio.timeout(deadline_s + 3):
            answer = await scripted.http.post("/v1/images/generations", json=PROMPT, headers=HEADERS)
        in_flight = (await scripted.http.get("/metrics")).text
        trail = scripted.trail("hostile")
    assert "\nimagegate_in_flight 0.0\n" in in_flight
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (trail[-1]["stage"], trail[-1]["outcome"]) == ("outcome", "error")


async def _stubborn_rewrite(_request: Any) -> str:
    await _stubborn()
    return "a red apple"


async def _cancelled_rewrite(_request: Any) -> str:
    raise asyncio.CancelledError


@pytest.mark.parametrize("rewrite", [_stubborn_rewrite, _cancelled_rewrite])
async def test_a_rewriter_can_not_hold_the_answer(rewrite: Any, tmp_path: Path) -> None:
    """A rewriter that ignores its time-out, or cancels itself, ends in a block."""
    async with scripted_gateway(
        tmp_path / "g", rewriter=Rewriting(rewrite), policy=hurried("rewriter")
    ) as scripted:
        async with asyncio.timeout(3.5):  # it would take four seconds
            answer = await scripted.draw("a rude apple")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "moderation_blocked")


class _Log:
    """The real log, with what `append` returns in the hands of the test."""

    def __init__(self, real: Any, futures: Any) -> None:
        self._real = real
        self._futures = futures
        self.ready = True

    def append(self, draft: Any) -> Future[Any]:
        return self._futures(self._real, draft)  # type: ignore[no-any-return]

    def size_and_root(self) -> Any:
        return self._real.size_and_root()

    def close(self) -> None: ...


def _never(_real: Any, _draft: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


async def test_a_lost_decision_withholds_although_later_records_are_durable(tmp_path: Path) -> None:
    """When the disk was full for a moment, a request whose first record was lost delivers nothing."""

    def first_is_lost(real: Any, draft: Any) -> Future[Any]:
        if draft.public["stage"] != "prompt":
            return real.append(draft)  # type: ignore[no-any-return]
        future: Future[Any] = Future()
        future.set_exception(AuditUnavailable("the disk of the audit log is full"))
        return future

    async with scripted_gateway(tmp_path / "g", log=lambda real: _Log(real, first_is_lost)) as scripted:
        answer = await scripted.draw("a red apple")
        judged = await scripted.http.post("/v1/moderations", json={"input": "a red apple"})
    for refused in (answer, judged):
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "audit_unavailable")


@pytest.mark.parametrize(
    ("path", "body", "deadline_s", "status"),
    [
        ("/v1/images/generations", PROMPT, LONG_S, 502),
        ("/v1/moderations", {"input": "a red apple"}, DEADLINE_S, 504),
    ],
)
async def test_a_hanging_log_holds_no_error_back(
    path: str, body: dict[str, str], deadline_s: float, status: int, tmp_path: Path
) -> None:
    """Where the log hangs, a failed generation and a moderation still end in time."""

    async def failing(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        yield Progress(1, 3)
        raise RuntimeError

    parts: dict[str, Any] = {"painting": Painting(fault=failing), "log": lambda real: _Log(real, _never)}
    async with scripted_gateway(tmp_path / "g", request_timeout_s=deadline_s, **parts) as scripted:
        async with asyncio.timeout(20):  # the log never answers
            answer = await scripted.http.post(path, json=body)
    assert answer.status_code == status


@pytest.mark.parametrize("span", [Span(0, 10_000), (0, 1), None])
async def test_a_span_outside_the_text_is_no_measurement(span: Any, tmp_path: Path) -> None:
    """A text classifier that points beyond the text gave garbage: 503, not a defect of ours."""

    def pointing(_batch: Any, _answers: Any) -> Any:
        return [[Signal("profanity", 0.0, "words", "1", spans=(span,))] for _ in _batch]

    async with scripted_gateway(tmp_path / "g", words=Words(pointing)) as scripted:
        answer = await scripted.draw("a red apple")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "classifier_unavailable")


async def test_a_missing_policy_is_on_record_for_moderations_too(tmp_path: Path) -> None:
    """A key whose policy does not exist gets 503, and the refusal is recorded."""

    class Book:
        def __init__(self, real: Any) -> None:
            self.real = real

        def get(self, _name: str | None) -> Any:
            return self.real.get("no-such-policy")

    async with scripted_gateway(tmp_path / "g", policies=Book) as scripted:
        answer = await scripted.http.post("/v1/moderations", json={"input": "apple"}, headers=HEADERS)
        trail = scripted.trail("hostile")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "policy_unavailable")
    assert trail[-1]["outcome"] == "error"


async def test_a_part_that_does_not_close_leaves_the_log_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend whose `close` hangs and a rewriter whose `close` is no coroutine don't hold up the end."""
    monkeypatch.setattr("gateway.service.gateway._CLOSE_WITHIN_S", 0.1)
    painting, rewriter = Painting(), Rewriting()
    monkeypatch.setattr(painting, "close", _stubborn)
    monkeypatch.setattr(rewriter, "close", lambda: None)
    closed: list[bool] = []

    def noting(real: Any) -> Any:
        log = _Log(real, lambda real, draft: real.append(draft))
        log.close = lambda: closed.append(True)  # type: ignore[method-assign]
        return log

    async with scripted_gateway(tmp_path / "g", painting=painting, rewriter=rewriter, log=noting) as scripted:
        async with asyncio.timeout(3):
            await scripted.gateway.close()
    assert closed == [True]


async def test_a_factory_that_raises_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a third party's factory raises is a `PluginError` that names it, not a traceback."""

    def factory(*_: Any) -> Any:
        raise RuntimeError("no such device")

    monkeypatch.setattr("gateway.service.wiring.load_factory", lambda *_: factory)
    with pytest.raises(PluginError, match=r"'mine'.*no such device"):
        build_rewriter(RewriterSettings(type="mine"))
