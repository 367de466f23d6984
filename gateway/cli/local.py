"""A gateway inside this process, for commands that judge or draw without a server.

Duty: build, start, lend, close. The log takes one writer: beside a running server on the same data folder
these commands refuse to start, and say so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.core.policies_in_force import PoliciesInForce
    from gateway.core.requests import Caller
    from gateway.pipeline.moderation import Moderator
    from gateway.service.gateway import Gateway
    from gateway.service.settings import Settings

SURFACE = "cli"


@asynccontextmanager
async def running_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Lend a started gateway and close it.

    Raises:
        ConfigurationError: a part is missing or wrong, or another process writes the log.
        AuditCorrupt: the log does not verify.
    """
    from gateway.service.wiring import build

    gateway = build(settings)
    try:
        await gateway.start()
        yield gateway
    finally:
        await gateway.close()


def local_caller(policies: PoliciesInForce, policy: str | None) -> Caller:
    """The person at this terminal; `policy` is the one asked for, or the settings' default.

    Raises:
        PolicyError: there is none of that name; it tells those that there are.
    """
    from gateway.core.requests import Caller

    if policy is not None:
        policies.book.get(policy)
    return Caller(actor="cli", role="admin", policy=policy)


def text_or_stdin(text: str) -> str:
    """Return the argument, or standard input for `-`, without the final line break.

    Raises:
        RequestInvalid: nothing is there, or it is not UTF-8.
    """
    import sys

    from gateway.core.errors import RequestInvalid

    if text == "-":
        try:
            text = sys.stdin.buffer.read().decode().removesuffix("\n")
        except UnicodeDecodeError as error:
            raise RequestInvalid("standard input is not UTF-8", param="text") from error
    if not text.strip():
        raise RequestInvalid("the text is empty", param="text")
    return text


@asynccontextmanager
async def running_moderator(settings: Settings) -> AsyncIterator[Moderator]:
    """Lend a moderator with its classifiers alone: no rewriter and no image model is loaded.

    Raises:
        ConfigurationError: a part is missing or wrong, or another process writes the log.
        AuditCorrupt: the log does not verify.
    """
    from gateway.service.wiring import build_moderator

    alone = build_moderator(settings)
    try:
        await alone.start()
        yield alone.moderator
    finally:
        await alone.close()
