"""Sends a webhook: no redirect, no proxy, no cookie, and no private address unless the operator allows them.

Duty: one bounded POST. Where a name leads is looked at when the connection is made, so that a name can't be
pointed elsewhere between a check and the call.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from gateway.core.errors import ConfigurationError
from gateway.review.outbox import PostFailed

_TIMEOUT_S: Final = 10.0
_CONNECTIONS: Final = 8


class PublicResolver(AbstractResolver):
    """Resolves names, and leaves out every address that is not a public one."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As the base class. Raises OSError when only private addresses are left."""
        found = [each for each in await self._inner.resolve(host, port, family) if is_public(each["host"])]
        if not found:
            raise OSError(None, "no public address")
        return found

    async def close(self) -> None:
        """As the base class."""
        await self._inner.close()


class HttpPost:
    """`gateway.review.outbox.Post` over aiohttp; connections are made on first use, in the running loop."""

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send; see `gateway.review.outbox.Post`."""
        if self._session is None:
            self._session = self._made()
        try:
            async with self._session.post(
                url, data=body, headers=dict(headers), allow_redirects=False
            ) as response:
                return response.status
        except TimeoutError as error:
            raise PostFailed("timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise PostFailed(type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections; idempotent."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _made(self) -> aiohttp.ClientSession:
        resolver = ThreadedResolver() if self._allow_private else PublicResolver()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, resolver=resolver, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
            trust_env=False,
            loop=asyncio.get_running_loop(),
        )


def checked_url(name: str, url: str, *, allow_private: bool) -> str:
    """Return the address of a webhook as it was written.

    Raises:
        ConfigurationError: no http(s) address, credentials in it, not encrypted, or a private one.
    """
    parts = urlsplit(url)
    place = f"review.webhooks.{name}.url"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{place}: must be an https address, as https://example.com/hook")
    if parts.username or parts.password:
        raise ConfigurationError(f"{place}: must hold no credentials; what is sent is signed")
    if allow_private:
        return url
    if parts.scheme != "https":
        raise ConfigurationError(f"{place}: must be https; review.allow_private_webhooks permits http")
    if not _may_be_public(parts.hostname):
        raise ConfigurationError(
            f"{place}: a private address; review.allow_private_webhooks permits it, if it is meant"
        )
    return url


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, embedded IPv4 ones looked at as well."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None and not inner.is_global:
            return False
    return ip.is_global and not ip.is_multicast


def _may_be_public(host: str) -> bool:
    """An address written out is looked at now: no resolver will."""
    try:
        return is_public(host)
    except ValueError:
        return host.lower() != "localhost" and not host.lower().endswith(".localhost")
