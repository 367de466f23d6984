"""The review pages with keys and something to review: over the application, or behind a socket."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from gateway.api.app import create_app
from gateway.api.keys import Role, add_key, create_key
from support.gateway import POLICY, Painting, Scripted
from support.servers import free_port

REVIEWED = (
    POLICY
    + "keep_for_review: [{rule: shown, days: 7}, {rule: veiled, days: 7}]\nreview: {reason_for: [overturn]}\n"
)


class Keyed:
    """The gateway of a test with API keys; everything else is its own."""

    def __init__(self, scripted: Scripted, keys_file: Path) -> None:
        self._gateway = scripted.gateway
        self.settings = scripted.gateway.settings.model_copy(update={"keys_file": keys_file})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


@dataclass
class Reviewed:
    """An application with keys by role, and the client of one browser."""

    app: Any
    secrets: dict[str, str]
    http: httpx.AsyncClient
    keys_file: Path

    async def sign_in(self, role: str = "review") -> httpx.Response:
        return await self.http.post("/review/sign-in", data={"key": self.secrets[role]})

    async def csrf(self, path: str = "/review/help") -> str:
        """The session's token, as its pages carry it."""
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.http.get(path)).text)
        assert found, "no form with a token: is anybody signed in?"
        return found[1]

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form as its own page would."""
        return await self.http.post(path, data={"csrf": await self.csrf(), **fields})


def with_keys(scripted: Scripted, folder: Path) -> Reviewed:
    """Return the application with a key of each role, and another tenant's (`elsewhere`)."""
    keys_file, secrets = folder / "keys.jsonl", {}
    wanted = [(role.value, role, "default") for role in Role] + [("elsewhere", Role.REVIEW, "other")]
    for name, role, tenant in wanted:
        made = create_key(role, tenant=tenant)
        add_key(keys_file, made.key)
        secrets[name] = made.secret
    app = create_app(Keyed(scripted, keys_file))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=30)
    return Reviewed(app, secrets, client, keys_file)


async def lively(scripted: Scripted, painting: Painting) -> None:
    """Send requests that end in every way: blocked, rewritten, held, blurred, allowed."""
    for prompt in (
        "a rude apple on a table, morning light",
        "a violent apple in a dark street",
        "an apple and a pear",
        "a violent pear, oil painting",
        "a rude pear with a hat",
    ):
        await scripted.draw(prompt, user="bob")
    await scripted.draw("an unsure apple at a school fair", user="ann")
    for mark in (1, 2):
        painting.marks = (mark,)
        await scripted.draw("a painting of a room", user="ann", size="256x256")
    painting.marks = (0,)


def chromium() -> str | None:
    """Where a Chromium is installed, if one is."""
    named = os.environ.get("CHROMIUM")
    return named or next(
        (
            found
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (found := shutil.which(name))
        ),
        None,
    )


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Serve an application in this event loop; gives its address."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, lifespan="off", log_level="error", ws="none")
    )
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(20):
            while not server.started:
                await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving
