"""Read a multipart form within its limits: text fields and files, as bytes.

Duty: bytes → fields and files, each failure a `RequestInvalid`, `ContentTooLarge` or `Forbidden`. Unlike
JSON, a form can be sent by any web page without asking, so one from another site's page is refused. It knows
no field's meaning.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from gateway.api.body import read_bytes
from gateway.core.errors import Forbidden, RequestInvalid

FORM: Final = "multipart/form-data"
_MAX_FIELDS: Final = 64
_PIECE_BYTES: Final = 1_000_000
_MAX_FILES: Final = 18
_MAX_FIELD_BYTES: Final = 200_000
"""32,000 characters of a prompt have up to 128,000 bytes."""


@dataclass(frozen=True, slots=True)
class Form:
    """Text fields by name, and the files of each name in order; `name[]` counts as `name`."""

    fields: Mapping[str, str]
    files: Mapping[str, Sequence[bytes]]


async def read_form(request: Request, *, limit_bytes: int) -> Form:
    """Return the whole form.

    Raises:
        ContentTooLarge: more than `limit_bytes`, announced or sent.
        RequestInvalid: no multipart form, a malformed one, a field twice, too many parts.
        Forbidden: a page of another site sent it.
    """
    refuse_foreign_pages(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise RequestInvalid(f"Send the body as a form, with the header Content-Type: {FORM}.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise RequestInvalid("Send the body as it is, without Content-Encoding; nothing is unpacked here.")
    content = await read_bytes(request, limit_bytes=limit_bytes)
    fields: dict[str, str] = {}
    files: dict[str, list[bytes]] = {}
    for name, part in await _parts(request, content):
        plain = name.removesuffix("[]")
        if isinstance(part, str):
            if plain in fields:
                raise RequestInvalid(f"{_shown(plain)}: send it once.", param=_shown(plain))
            fields[plain] = part
        else:
            files.setdefault(plain, []).append(part)
    return Form(fields, files)


async def _parts(request: Request, content: bytearray) -> list[tuple[str, str | bytes]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(content), _PIECE_BYTES):
            yield bytes(content[start : start + _PIECE_BYTES])
        yield b""

    parser = MultiPartParser(
        request.headers,
        stream(),
        max_files=_MAX_FILES,
        max_fields=_MAX_FIELDS,
        max_part_size=_MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, UnicodeDecodeError, LookupError, ValueError) as error:
        raise RequestInvalid(
            "The body is not a valid multipart form, or has too many or too large fields."
        ) from error
    parts: list[tuple[str, str | bytes]] = []
    try:
        for name, part in form.multi_items():
            parts.append((name, await part.read() if isinstance(part, UploadFile) else part))
    finally:
        await form.close()
    return parts


def refuse_foreign_pages(request: Request) -> None:
    """A browser names the page's site in Origin; programs send none. Raises Forbidden."""
    origin = request.headers.get("origin")
    if origin is not None and _site(origin) != request.headers.get("host"):
        raise Forbidden("This request came from a page of another site; call the API from a program.")


def _site(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # brackets that hold no address
        return None


def _shown(name: str) -> str:
    """A field's name for a message: only what looks like one."""
    return name if name.isidentifier() and len(name) <= 40 else "a field"
