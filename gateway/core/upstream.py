"""What the adapters of remote servers share: the base URL's form, the key, the connections, a bounded read.

Duty: HTTP without a meaning. It knows no prompt, no picture and no server's answers.
"""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from gateway.core.errors import ConfigurationError

_CHUNK_BYTES: Final = 65_536


def checked_base_url(base_url: str, key_options: str) -> str:
    """Return the URL without a trailing slash; `key_options` names where a key belongs instead.

    Raises:
        ValueError: no http(s) URL, or one with credentials in it.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http(s) URL, e.g. https://api.openai.com/v1")
    if parts.username or parts.password:
        raise ValueError(f"must hold no credentials; name the key's place: {key_options}")
    return base_url.rstrip("/")


def key_in_variable(name: str, who: str) -> str:
    """Return the key that the environment variable `name` holds; `who` is the adapter, for the message.

    Raises:
        ConfigurationError: the variable is empty.
    """
    key = os.environ.get(name, "").strip()
    if not key:
        raise ConfigurationError(f"{who}: set the environment variable {name}")
    return key


def connections(most: int) -> aiohttp.ClientSession:
    """Return a pool of at most `most` connections that keeps no cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=most), cookie_jar=aiohttp.DummyCookieJar()
    )


async def read_bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body, or of one longer than `most` bytes a beginning that is longer than that too."""
    chunks, size = [], 0
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            break
    return b"".join(chunks)
