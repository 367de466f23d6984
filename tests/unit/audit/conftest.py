"""A log in a temporary folder, and drafts like those of the gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.audit import AuditSettings, SqliteAuditLog, new_id
from gateway.core.ports import Json, RecordDraft


@pytest.fixture
def settings(tmp_path: Path) -> AuditSettings:
    return AuditSettings(tmp_path / "audit", origin="test.example/log")


@pytest.fixture
def log(settings: AuditSettings) -> Iterator[SqliteAuditLog]:
    log = SqliteAuditLog.open(settings)
    yield log
    log.close()


@pytest.fixture
def make_draft() -> Callable[..., RecordDraft]:
    def make(
        *, request_id: str | None = None, stage: str = "prompt", action: str = "allow", **more: Json
    ) -> RecordDraft:
        sealed = more.pop("sealed_text", None)
        tenant = str(more.pop("tenant", "default"))
        public = {
            "request": {"id": request_id or new_id(), "tenant": tenant, "surface": "http"},
            "stage": stage,
            "action": action,
            "verdict": action,
            "degraded": False,
            "policy": {"name": "default", "revision": "r1"},
            **more,
        }
        return RecordDraft(
            type="decision",
            id=new_id(),
            public=public,
            sealed={"prompt": str(sealed)} if sealed is not None else None,
            tenant=tenant,
        )

    return make
