"""docs/api.md and docs/errors.md tell what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.service import FakeSettings, ScriptedService

from gateway.api.app import create_app
from gateway.api.audit import AuditQuery
from gateway.api.image_request import ImageGenerationRequest
from gateway.core import errors
from gateway.telemetry.metrics import GatewayMetrics

DOCS = Path(__file__).parents[3] / "docs"
API = (DOCS / "api.md").read_text(encoding="utf-8")
ERRORS = (DOCS / "errors.md").read_text(encoding="utf-8")
SHOWN = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GatewayError)
]


@pytest.mark.parametrize("kind", SHOWN, ids=lambda kind: kind.__name__)
def test_every_error_is_in_the_table(kind: type[errors.GatewayError]) -> None:
    """Each error class has its row with status, type and code."""
    assert f"| {kind.status} | `{kind.type}` | `{kind.code}` |" in ERRORS


def test_no_error_is_invented() -> None:
    """Each row's code exists in the source."""
    source = "".join(file.read_text(encoding="utf-8") for file in (DOCS.parent / "gateway").rglob("*.py"))
    codes = re.findall(r"^\| \d{3} \| `\w+` \| `(\w+)` \|", ERRORS, re.MULTILINE)
    assert len(codes) >= len(SHOWN)
    assert [code for code in codes if f'"{code}"' not in source] == []


def test_every_route_is_told(tmp_path: Path) -> None:
    """The table of routes has all of them and no other."""
    schema = create_app(ScriptedService(FakeSettings(images_folder=tmp_path))).openapi()
    routes = {f"{method.upper()} {path}" for path, ways in schema["paths"].items() for method in ways}
    assert set(re.findall(r"^\| `((?:GET|POST) \S+)` \|", API, re.MULTILINE)) == routes


@pytest.mark.parametrize("field", [*ImageGenerationRequest.model_fields, *AuditQuery.model_fields])
def test_every_field_is_told(field: str) -> None:
    """Each request field and each filter is named."""
    assert f"`{field}`" in API


def test_every_metric_is_told() -> None:
    """Each metric is in the table."""
    names = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in GatewayMetrics().registry.collect()
    }
    assert {name for name in names if f"`{name}`" not in API} == set()
