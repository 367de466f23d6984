"""A gateway over scripted models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.gateway import Scripted, scripted_gateway


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[Scripted]:
    async with scripted_gateway(tmp_path / "g") as gate:
        yield gate
