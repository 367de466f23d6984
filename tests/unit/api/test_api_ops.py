"""Health, metrics, models, request ids, error shapes, methods and the schema."""

from __future__ import annotations

import logging

import httpx
import pytest
from support.service import ScriptedService, decision

from classifiers.signals import Failure, FailureKind, Findings
from gateway.api import schemas
from gateway.core.outcomes import Coverage
from gateway.telemetry.logs import JsonLines, PlainLines
from gateway.telemetry.metrics import GatewayMetrics
from policies.decision import Action

PATH = "/v1/images/generations"


async def test_readiness_names_what_is_not_ready(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """Any component that is not "ok" turns the answer to 503 with its reason."""
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    service.states["audit"] = "the log takes no records"
    red = await client.get("/readyz")
    assert red.status_code == 503
    schemas.NotReady.model_validate(red.json())
    assert red.json()["components"]["audit"] == "the log takes no records"


async def test_metrics_count_without_content(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """Requests are counted by route template and status; no address, prompt or id is a label."""
    await client.post(PATH, json={"prompt": "SECRET"})
    await client.get("/v1/images/files/SECRETSECRETSECRETSECR.png")
    await client.get("/SECRET")
    text = (await client.get("/metrics")).text
    assert f'imagegate_http_request_seconds_count{{route="{PATH}",status="200"}} 1.0' in text
    assert 'route="/v1/images/files/{name}",status="404"' in text
    assert 'route="other",status="404"' in text
    assert "imagegate_in_flight 0.0" in text
    assert "imagegate_log_records 42.0" in text
    assert 'imagegate_ready{component="audit"} 1.0' in text
    assert "SECRET" not in text


def test_decisions_and_outcomes_are_counted() -> None:
    """Decisions count by stage, action and rule; failures by classifier; pictures as made and inspected."""
    metrics = GatewayMetrics()
    failed = Findings(failures=(Failure("clip", FailureKind.TIMEOUT),))
    metrics.decision(decision(Action.BLOCK), 12_000)
    metrics.decision(decision(degraded=True, findings=failed), 900)
    metrics.outcome("http", "partial", 5_000_000, Coverage(4, 3))
    text = metrics.render().decode()
    for line in (
        'imagegate_decisions_total{action="block",degraded="no",stage="prompt"} 1.0',
        'imagegate_decisions_total{action="allow",degraded="yes",stage="prompt"} 1.0',
        'imagegate_rule_hits_total{mode="enforce",rule="no-harm"} 1.0',
        'imagegate_classifier_failures_total{classifier="clip",kind="timeout"} 1.0',
        'imagegate_stage_seconds_count{stage="prompt"} 2.0',
        'imagegate_outcome_seconds_count{outcome="partial",surface="http"} 1.0',
        'imagegate_images_total{state="made"} 4.0',
        'imagegate_images_total{state="inspected"} 3.0',
    ):
        assert line in text


@pytest.mark.parametrize("given", ["abc-1._Z", "x" * 64])
async def test_a_safe_request_id_is_kept(client: httpx.AsyncClient, given: str) -> None:
    """A plain token is the request's id, in the answer and for the service."""
    assert (await client.get("/healthz", headers={"x-request-id": given})).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "<script>", "a;b", "a/b"])
async def test_an_unsafe_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    """Anything else is replaced by one of ours."""
    made = (await client.get("/healthz", headers={"x-request-id": given})).headers["x-request-id"]
    assert made.startswith("req_")
    assert len(made) == 36


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/v1/models/", 404),
        ("GET", PATH, 405),
        ("DELETE", "/v1/models", 405),
        ("PUT", "/healthz", 405),
        ("TRACE", PATH, 405),
    ],
)
async def test_the_router_s_own_errors_have_our_shape(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    """404 and 405 have the one body, and 405 says what is allowed."""
    response = await client.request(method, path)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert ("allow" in response.headers) is (status == 405)


async def test_head_and_options(client: httpx.AsyncClient) -> None:
    """HEAD is GET without a body; OPTIONS names the methods."""
    head = await client.head("/healthz")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "15")
    assert (await client.head(PATH)).status_code == 405
    options = await client.options(PATH)
    assert (options.status_code, options.headers["allow"]) == (204, "POST")
    assert (await client.options("/healthz")).headers["allow"] == "GET, HEAD"
    assert (await client.post("/healthz")).headers["allow"] == "GET, HEAD"


async def test_the_access_log_holds_no_content(
    client: httpx.AsyncClient, service: ScriptedService, caplog: pytest.LogCaptureFixture
) -> None:
    """A line tells id, method, route, status, size and time; never a prompt, a query or an address."""
    with caplog.at_level(logging.INFO, logger="imagegate"):
        await client.post(PATH + "?SECRET=1", json={"prompt": "SECRET"}, headers={"x-request-id": "r-1"})
        await client.get("/v1/images/files/SECRETSECRETSECRETSECR.png")
    lines = [record for record in caplog.records if record.name == "imagegate.access"]
    assert lines[0].__dict__["fields"]["request_id"] == "r-1"
    for formatter in (JsonLines(), PlainLines()):
        text = "\n".join(formatter.format(line) for line in lines)
        assert "SECRET" not in text
        assert PATH in text
        assert "r-1" in text


async def test_the_schema_tells_every_route(client: httpx.AsyncClient) -> None:
    """/openapi.json names all routes, the bodies that they read themselves, and no status that never is."""
    schema = (await client.get("/openapi.json")).json()
    assert set(schema["paths"]) == {
        PATH, "/v1/images/edits", "/v1/images/variations", "/v1/images/files/{name}",
        "/v1/images/held/{ticket}",
        "/v1/review/cases", "/v1/review/queues", "/v1/review/cases/{case_id}",
        "/v1/review/cases/{case_id}/lock", "/v1/review/cases/{case_id}/free",
        "/v1/review/cases/{case_id}/unseal", "/v1/review/cases/{case_id}/pictures/{picture}",
        "/v1/review/cases/{case_id}/acts", "/v1/review/acts/{act_id}/undo",
        "/v1/moderations", "/v1/models", "/v1/models/{model}",
        "/v1/audit/records", "/v1/audit/records/{record_id}", "/v1/audit/records/{record_id}/proof",
        "/v1/audit/records/{record_id}/unseal", "/v1/audit/checkpoint",
        "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    body = schema["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/ImageGenerationRequest"}
    told = schema["components"]["schemas"]["ImageGenerationRequest"]
    assert told["additionalProperties"] is False
    assert set(schema["paths"][PATH]["post"]["responses"]) == {
        "200", "400", "401", "403", "413", "429", "500", "502", "503", "504",
    }  # fmt: skip
    assert "422" not in str(schema["paths"])
