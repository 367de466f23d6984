"""Where the log of a fault test lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit import AuditSettings


@pytest.fixture
def settings(tmp_path: Path) -> AuditSettings:
    return AuditSettings(tmp_path / "audit", origin="test.example/log")
