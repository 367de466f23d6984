"""A scripted service behind the real application, called without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from support.service import FakeSettings, ScriptedService, client_of

from gateway.api.app import create_app


@pytest.fixture
def service(tmp_path: Path) -> ScriptedService:
    return ScriptedService(FakeSettings(images_folder=tmp_path / "images"))


@pytest.fixture
async def client(service: ScriptedService) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(service)) as client:
        yield client
