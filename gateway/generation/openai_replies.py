"""What an OpenAI-compatible images server answered: pictures, or one of our errors.

Duty: bytes → named things. It opens no connection. An upstream's own words are never passed on: they may
quote the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
import pybase64

from gateway.core.errors import GatewayError, GenerationFailed, Overloaded, RequestInvalid
from gateway.core.ports import Picture

_MAGIC: Final = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_REFUSED_CODES: Final = frozenset({"moderation_blocked", "content_policy_violation", "safety_violation"})
_CLIENT_FIELDS: Final = frozenset({"prompt", "n", "size", "quality", "background", "style", "seed"})
_RETRY_AFTER_S: Final = 5.0


def pictures_or_urls(body: bytes, count: int) -> list[Picture | str]:
    """Return `count` items of the reply: a picture for `b64_json`, the URL for `url`.

    Raises:
        GenerationFailed: not JSON, another number of items, or items that hold no picture.
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise GenerationFailed("the image server answered with something that is not JSON") from error
    items = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(items, list) or len(items) != count:
        found = len(items) if isinstance(items, list) else "no list of"
        raise GenerationFailed(f"the image server answered with {found} pictures instead of {count}")
    return [_item(item) for item in items]


def as_picture(content: bytes) -> Picture:
    """Return the picture undecoded, with its type read from its first bytes, not from what a server claims.

    Raises:
        GenerationFailed: the bytes begin like no picture format that we take.
    """
    for magic, mime in _MAGIC:
        if content.startswith(magic):
            return Picture(encoded=content, mime=mime)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return Picture(encoded=content, mime="image/webp")
    raise GenerationFailed("the image server answered with bytes that are not a picture")


def failure(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """Return our error for an upstream's status other than 200."""
    if status in {429, 503}:
        return Overloaded("the image server is overloaded", retry_after_s=_retry_after_s(headers))
    if status in {400, 422}:
        return _user_error(status, body)
    if status in {401, 403, 404}:
        return GenerationFailed(f"the image server does not know our key or model (HTTP {status})")
    return GenerationFailed(f"the image server failed (HTTP {status})")


def _item(item: Any) -> Picture | str:
    if isinstance(item, dict):
        encoded, url = item.get("b64_json"), item.get("url")
        if isinstance(encoded, str) and encoded:
            try:
                return as_picture(pybase64.b64decode(encoded, validate=True))
            except ValueError as error:  # binascii.Error is one
                raise GenerationFailed("the image server answered with broken base64") from error
        if isinstance(url, str) and url:
            return url
    raise GenerationFailed("the image server answered with an item that holds no picture")


def _user_error(status: int, body: bytes) -> GatewayError:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    details = answer.get("error") if isinstance(answer, dict) else None
    details = details if isinstance(details, dict) else {}
    code, field = str(details.get("code")), str(details.get("param"))
    if code in _REFUSED_CODES or details.get("type") == "image_generation_user_error":
        return RequestInvalid("the image server's own policy refused the prompt", param="prompt")
    if field in _CLIENT_FIELDS:
        return RequestInvalid(f"the image server does not take this {field}", param=field)
    # Not a field of the client's: then it is ours, a setting that does not fit this server.
    return GenerationFailed(f"the image server refused our request (HTTP {status})")


def _retry_after_s(headers: Mapping[str, str]) -> float:
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        if value.replace(".", "", 1).isdecimal():
            return min(float(value) * unit_s, 3600.0)
    return _RETRY_AFTER_S  # absent, or an HTTP date
