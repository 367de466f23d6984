"""Read a JSON body within its limits, and check it against one pydantic model.

Duty: bytes → object → model, each failure a `RequestInvalid` or `ContentTooLarge` that names the fix and
never repeats what was sent. It knows no route.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from gateway.api.edge import edge_of, share_of
from gateway.api.json_shape import check_shape
from gateway.api.problems import JSON, invalid_fields
from gateway.core.errors import ContentTooLarge, RequestInvalid

_MAX_DIGITS: Final = 18
"""Of an announced length: Python itself refuses to read a number of thousands."""
_Model = TypeVar("_Model", bound=BaseModel)


async def read_json(request: Request, *, limit_bytes: int, model: type[_Model]) -> _Model:
    """Return the body as `model`.

    Raises:
        ContentTooLarge: more than `limit_bytes`, announced or sent.
        RequestInvalid: not JSON, not an object, a wrong or unknown field, or too slow in coming.
        Overloaded: what other requests hold in memory leaves no room for it.
    """
    # A form or plain text can be sent by any web page without asking; JSON can't.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise RequestInvalid("Send the body as JSON, with the header Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise RequestInvalid("Send the body as it is, without Content-Encoding; nothing is unpacked here.")
    content = await read_bytes(request, limit_bytes=limit_bytes)
    return check(parse_object(content), model)


async def read_bytes(request: Request, *, limit_bytes: int) -> bytearray:
    """Return the whole body. Raises as `read_json`; its bytes count as the request's share of memory."""
    share = share_of(request)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > _MAX_DIGITS or int(announced) > limit_bytes):
        raise _too_large(limit_bytes)
    content = bytearray()
    timeout_s = edge_of(request).service.settings.server.door.body_timeout_s
    try:
        async with asyncio.timeout(timeout_s):
            more = True
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise RequestInvalid("The body was cut off.")
                chunk, more = message.get("body", b""), message.get("more_body", False)
                if len(content) + len(chunk) > limit_bytes:
                    raise _too_large(limit_bytes)
                share.take(len(chunk))
                content += chunk
    except TimeoutError as error:
        raise RequestInvalid(f"The body did not arrive within {timeout_s:g} seconds.") from error
    return content


def parse_object(content: bytes | bytearray) -> dict[str, Any]:
    """Return the JSON object. Raises RequestInvalid; lone surrogates are refused here, being no text."""
    check_shape(content)
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg:
            raise RequestInvalid("The body is nested too deep.") from error
        raise RequestInvalid(
            f"The body is not valid JSON (line {error.lineno}, column {error.colno}): send UTF-8, without "
            "lone surrogates."
        ) from error
    if not isinstance(parsed, dict):
        raise RequestInvalid("The body must be a JSON object.")
    return parsed


def check(parsed: dict[str, Any], model: type[_Model]) -> _Model:
    """Return the checked model. Raises RequestInvalid naming each field at fault."""
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        raise invalid_fields(
            error.errors(include_url=False, include_input=False)
        ) from None  # the cause quotes the input


def _too_large(limit_bytes: int) -> ContentTooLarge:
    return ContentTooLarge(f"The body is larger than {limit_bytes} bytes, the most that is taken here.")
