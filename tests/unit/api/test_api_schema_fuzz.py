"""Every route against its own schema, with made-up requests."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from support.service import FakeServer, FakeSettings, ScriptedService

from gateway.api.app import create_app

load_all_checks()
_SERVICE = ScriptedService(FakeSettings(server=FakeServer(max_concurrent=50)))
_APP = create_app(_SERVICE)


async def _serve(scope: Any, receive: Any, send: Any) -> None:
    """The application without its lifespan, which the test client would run around every single call."""
    if scope["type"] == "http":
        await _APP(scope, receive, send)


schema = schemathesis.openapi.from_asgi("/openapi.json", _serve)


@pytest.fixture(scope="module", autouse=True)
def _images_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    _APP.state.edge.files._folder = tmp_path_factory.mktemp("images")


@pytest.mark.slow  # some seconds a route
@schema.parametrize()
@hypothesis.settings(max_examples=15, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
def test_every_answer_is_documented(case: schemathesis.Case) -> None:
    """Every status, type and shape is documented, none is a 500, and what the schema forbids is refused."""
    case.headers["host"] = "localhost"
    # A combination that one backend can't draw is a documented 400, though the schema allows it.
    excluded: list[Any] = [positive_data_acceptance]
    if case.media_type == "multipart/form-data":
        excluded.append(negative_data_rejection)  # a form knows text alone: ["auto"] is sent as auto
    case.call_and_validate(excluded_checks=excluded)
