"""Any OpenAI-compatible images server as an image generator, over aiohttp.

Duty: one request → one or more upstream calls → pictures, undecoded. It judges nothing and decodes nothing.
It yields no progress, for such servers tell none; cancelling closes the connections.

Whatever the upstream does ends as one of our errors: its words are never passed on, its redirects never
followed, its URLs fetched only from hosts that the operator named, its bytes counted.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson

from gateway.core.adapter_options import parse_options
from gateway.core.errors import GenerationFailed, StageTimeout
from gateway.core.ports import (
    Generated,
    GenerationEvent,
    GenerationRequest,
    GeneratorCard,
    ModelIdentity,
    Picture,
)
from gateway.core.upstream import connections, key_in_variable, read_bounded
from gateway.generation.checks import check_request
from gateway.generation.diffusers_options import parse_size
from gateway.generation.openai_options import OpenAIOptions, Parameter
from gateway.generation.openai_replies import as_picture, failure, pictures_or_urls

_ERROR_BODY_BYTES: Final = 1 << 16


class OpenAIGenerator:
    """An images server behind one connection pool."""

    def __init__(self, name: str, options: OpenAIOptions) -> None:
        self._options = options
        self._session: aiohttp.ClientSession | None = None
        self._headers = {"Content-Type": "application/json"}
        self._card = GeneratorCard(
            name=name,
            identity=ModelIdentity("generator", options.model, options.revision),
            default_size=parse_size(options.default_size),
            sizes=tuple(parse_size(size) for size in options.sizes),
            size_step=options.size_step,
            max_pixels=options.max_pixels,
            max_steps=options.max_steps,
            parameters=frozenset(options.parameters),
            default_guidance=options.default_guidance,
            refused_syntax=frozenset(options.refused_syntax),
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> OpenAIGenerator:
        """Make one from settings.

        Raises:
            ConfigurationError: an unknown or ill-typed option.
        """
        return cls(name, parse_options(OpenAIOptions, f"generator {name!r}", options))

    @property
    def card(self) -> GeneratorCard:
        """What this backend can do."""
        return self._card

    async def start(self) -> None:
        """Open the connection pool; the server itself is not asked, it may come up later.

        Raises:
            ConfigurationError: the variable named by `api_key_env` is empty.
        """
        if self._session is not None:
            return
        if self._options.api_key_env is not None:
            key = key_in_variable(self._options.api_key_env, f"generator {self._card.name!r}")
            self._headers["Authorization"] = f"Bearer {key}"
        self._session = connections(self._options.max_connections)

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        """Yield the pictures; see `ImageGenerator.generate`.

        Raises:
            RequestInvalid: a parameter that this server does not honour, or its own policy refused.
            GenerationFailed: the server failed, can't be reached or answered nonsense.
            Overloaded: the server says so (429, 503).
            StageTimeout: `timeout_s` passed.
        """
        check_request(self._card, request)
        try:
            async with asyncio.timeout(request.timeout_s):
                pictures = await self._pictures(request)
        except TimeoutError as error:
            limit = f"{request.timeout_s:g} s"
            raise StageTimeout(f"the image server did not answer within {limit}") from error
        yield Generated(pictures)

    async def close(self) -> None:
        """Close the connections; idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _pictures(self, request: GenerationRequest) -> tuple[Picture, ...]:
        parts = self._parts(len(request.seeds))
        if len(parts) == 1:
            return tuple(await self._call(request, *parts[0]))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._call(request, start, count)) for start, count in parts]
        except ExceptionGroup as several:
            # The other calls were cancelled with the first failure; that one tells why.
            raise several.exceptions[0] from several
        return tuple(picture for task in tasks for picture in task.result())

    def _parts(self, count: int) -> list[tuple[int, int]]:
        """(start, count) of each upstream call."""
        most = 1 if "seed" in self._options.parameters else self._options.max_n
        return [(start, min(most, count - start)) for start in range(0, count, most)]

    async def _call(self, request: GenerationRequest, start: int, count: int) -> list[Picture]:
        url = f"{self._options.base_url}/images/generations"
        body = orjson.dumps(self._body(request, start, count))
        headers = {**self._headers, "Idempotency-Key": _idempotency_key(request.request_id, start, body)}
        answer = await self._fetch("POST", url, data=body, headers=headers)
        items = pictures_or_urls(answer, count)
        return [await self._download(item) if isinstance(item, str) else item for item in items]

    def _body(self, request: GenerationRequest, start: int, count: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._options.model,
            "prompt": request.prompt,
            "n": count,
            "size": f"{request.width}x{request.height}",
        }
        if self._options.response_format != "unset":
            body["response_format"] = self._options.response_format
        if self._options.output_format is not None:
            body["output_format"] = self._options.output_format
        given: dict[Parameter, Any] = {
            "seed": request.seeds[start],
            "steps": request.steps,
            "negative_prompt": request.negative_prompt,
            "guidance_scale": request.guidance_scale,
            "quality": None if request.quality == "auto" else request.quality,
            "background": None if request.background == "auto" else request.background,
            "style": request.style,
        }
        for parameter, field in self._options.parameters.items():
            if given[parameter] is not None:
                body[field] = given[parameter]
        return body

    async def _download(self, url: str) -> Picture:
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise GenerationFailed("the image server answered with a malformed URL") from error
        plain = self._options.base_url.startswith("http:")  # a local server without TLS has plain URLs too
        if parts.scheme not in ({"https", "http"} if plain else {"https"}):
            raise GenerationFailed("the image server answered with a URL that is not https")
        if parts.netloc not in self._options.url_hosts:
            raise GenerationFailed("the image server answered with a URL of a host that is not in url_hosts")
        return as_picture(await self._fetch("GET", url))  # without our key: that is for the API alone

    async def _fetch(self, method: str, url: str, **options: Any) -> bytes:
        session = self._session
        if session is None:
            raise GenerationFailed("the image server's connections are closed")
        timeout = aiohttp.ClientTimeout(total=None, connect=self._options.connect_timeout_s)
        try:
            async with session.request(
                method, url, timeout=timeout, allow_redirects=False, **options
            ) as response:
                most = self._options.max_response_bytes
                body = await read_bounded(response, most if response.status == 200 else _ERROR_BODY_BYTES)
                if response.status != 200:
                    raise failure(response.status, response.headers, body)
                if len(body) > most:
                    raise GenerationFailed(f"the image server answered with more than {most} bytes")
                return body
        except (aiohttp.ClientError, OSError) as error:
            # TimeoutError is an OSError: the connection's own limit, not the request's.
            raise GenerationFailed(f"the image server can't be reached ({type(error).__name__})") from error


def _idempotency_key(request_id: str, start: int, body: bytes) -> str:
    """The same call has the same key; a request id alone is the client's choice, and may be another's."""
    return hashlib.sha256(b"%s\0%d\0%s" % (request_id.encode(), start, body)).hexdigest()[:32]
