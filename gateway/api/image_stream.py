"""The image route as server-sent events: progress, judged previews, then one completed event per picture.

Duty: order and shape of the events, and the two ends of a stream: errors before the first byte are ordinary
HTTP answers; after it, a payload with a top-level `error`, which makes OpenAI's client raise. Progress goes
as SSE comments, which every reader must skip: that client turns each event it does not know into a
picture event without a picture. It judges nothing: whatever arrives here may be shown.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import replace
from typing import Any, Final

import orjson
import pybase64
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.api.edge import ClientGone, Edge, WhileConnected, settle, share_of
from gateway.api.image_response import (
    checkpoint_headers,
    image_moderation,
    moderation_summary,
    refusal,
    refused_response,
    severities,
    usage,
)
from gateway.core.errors import GatewayError
from gateway.core.outcomes import Blocked, Delivered, Held, Outcome, Partial, PartialImage, StreamEvent
from gateway.core.ports import Progress
from gateway.core.requests import ImageRequest

KEEP_ALIVE_S: Final = 15.0
SEND_TIMEOUT_S: Final = 30.0
"""A client that takes nothing for so long is gone: its place in the server is for others."""
_PARTIAL: Final = "partial_image"
_COMPLETED: Final = "completed"
_KEEP_ALIVE: Final = b": waiting\n\n"


class Pending:
    """Events that wait for a slow reader. A newer step replaces an unsent one, so the queue stays short and
    the backend never waits for a client; previews are at most three per picture and are all kept.
    """

    def __init__(self) -> None:
        self._events: deque[StreamEvent] = deque()
        self._news = asyncio.Event()

    async def emit(self, event: StreamEvent) -> None:
        """Take one event; never waits."""
        if isinstance(event, Progress) and self._events and isinstance(self._events[-1], Progress):
            self._events.pop()
        self._events.append(event)
        self._news.set()

    def wake(self, _: object = None) -> None:
        """Let the reader look, also when no event came."""
        self._news.set()

    async def wait(self, timeout_s: float | None) -> bool:
        """Wait for news; False when `timeout_s` passed without any."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    def take(self) -> StreamEvent | None:
        """The oldest unsent event, if any."""
        return self._events.popleft() if self._events else None


class ImageStream(Response):
    """Runs one request while it is answered; the place in the server is held until the last event."""

    media_type = "text/event-stream"

    def __init__(self, edge: Edge, request: Request, wanted: ImageRequest) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(None, headers={**headers, **checkpoint_headers(edge.service.checkpoint())})
        self.raw_headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        self._edge, self._request, self._wanted = edge, request, wanted
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Generate and send. A client that leaves cancels the generation."""
        slot = self._edge.admission.slot(self._wanted.deadline_s, tenant=self._wanted.caller.tenant)
        async with WhileConnected(self._request), slot as left_s:
            share_of(self._request).take(self._wanted.drawn_bytes)
            self._wanted = replace(self._wanted, deadline_s=left_s)
            await self._run(scope, receive, send)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        pending = Pending()
        task = asyncio.ensure_future(self._edge.service.generate(self._wanted, pending.emit))
        task.add_done_callback(pending.wake)
        try:
            await self._relay(pending, task, send)
            await self._finish(task.result(), scope, receive, send)
        except ClientGone:
            raise
        except GatewayError as error:
            if not self._started:
                raise  # an ordinary HTTP answer
            await self._send(send, _error_event(_error_object(error)), more=False)
        finally:
            await settle(task)

    async def _relay(self, pending: Pending, task: asyncio.Future[Outcome], send: Send) -> None:
        """Send events until the outcome is there and all events are out."""
        while True:
            done = task.done()  # asked before the events: none can come after it
            while (event := pending.take()) is not None:
                await self._send(send, _event(self._wanted, event))
            if done:
                return
            if not await pending.wait(KEEP_ALIVE_S if self._started else None):
                await self._send(send, _KEEP_ALIVE)

    async def _finish(self, outcome: Outcome, scope: Scope, receive: Receive, send: Send) -> None:
        if isinstance(outcome, Blocked | Held):
            if self._started:
                await self._send(send, _error_event(refusal(outcome)), more=False)
            else:
                refused = refused_response(outcome, self._edge.service.checkpoint())
                await refused(scope, receive, send)
            return
        for place in range(len(outcome.images)):
            await self._send(send, _completed(self._wanted, outcome, place))
        await self._send(send, b"", more=False)

    async def _send(self, send: Send, content: bytes, *, more: bool = True) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                if not self._started:
                    self._started = True
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": content, "more_body": more})
        except TimeoutError as error:
            raise ClientGone("The client took nothing for too long.") from error


def _event(request: ImageRequest, event: StreamEvent) -> bytes:
    if isinstance(event, Progress):
        return b": progress " + orjson.dumps({"step": event.step, "steps": event.steps}) + b"\n\n"
    return _partial(request, event)


def _partial(request: ImageRequest, event: PartialImage) -> bytes:
    decision, kind = event.decision, _kind(request, _PARTIAL)
    rest = {
        **_common(request, kind, event.width, event.height),
        "partial_image_index": event.number,
        "index": event.index,
        "output_format": event.format.value,
        "moderation": {
            "index": event.index,
            "blurred": event.blurred,
            "decision": decision.id if decision else None,
            "action": decision.action.word if decision else None,
            "severities": severities(decision) if decision else {},
        },
    }
    return _picture_event(kind, rest, event.content)


def _completed(request: ImageRequest, outcome: Delivered | Partial, place: int) -> bytes:
    """One picture's last event. The prompt's tokens are counted once, with the first picture."""
    image, kind = outcome.images[place], _kind(request, _COMPLETED)
    rest = {
        **_common(request, kind, image.width, image.height),
        "index": image.index,
        "usage": usage(request, [image], with_prompt=place == 0),
        "revised_prompt": outcome.rewrite.prompt if outcome.rewrite else None,
        "moderation": {**moderation_summary(request, outcome), "image": image_moderation(image)},
    }
    return _picture_event(kind, rest, image.content)


def _kind(request: ImageRequest, event: str) -> str:
    """The event's type as OpenAI's client knows it."""
    return f"image_generation.{event}" if request.source is None else f"image_edit.{event}"


def _common(request: ImageRequest, kind: str, width: int, height: int) -> dict[str, Any]:
    return {
        "type": kind,
        "created_at": int(time.time()),
        "size": f"{width}x{height}",
        "quality": request.quality,
        "background": "opaque",
        "output_format": request.output_format.value,
    }


def _picture_event(kind: str, rest: dict[str, Any], content: bytes) -> bytes:
    head = b"event: " + kind.encode() + b"\ndata: "
    picture = pybase64.b64encode(content)
    return b"".join((head, orjson.dumps(rest)[:-1], b',"b64_json":"', picture, b'"}\n\n'))


def _error_event(error: dict[str, object]) -> bytes:
    return b"event: error\ndata: " + orjson.dumps({"type": "error", "error": error}) + b"\n\n"


def _error_object(error: GatewayError) -> dict[str, object]:
    return {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
