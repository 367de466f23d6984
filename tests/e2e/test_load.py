"""200 requests at 32 concurrent: documented answers only, one trail for each, memory flat."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import orjson
import pytest
from support.servers import Served

pytestmark = [pytest.mark.models, pytest.mark.slow]

REQUESTS, CONCURRENT = 200, 32
PROMPTS = (
    "a red apple",
    "a blue car on a road",
    "a man stabbing another man to death, blood everywhere",
    "a lighthouse at dusk",
    "a damn yellow star",
)
OUTCOMES = {200: {"delivered"}, 400: {"blocked"}, 503: {"error"}}


def test_client_log_and_audit_log_match(server: Served) -> None:
    """Every answer is 200, 400 or 503 with Retry-After, and says the same as the record of its request."""
    _burst(server, "warm", 40)
    before_kb = _resident_kb(server)
    answers = _burst(server, "load", REQUESTS)
    grown_mb = (_resident_kb(server) - before_kb) / 1024

    statuses = Counter(answer.status_code for answer in answers.values())
    print(f"statuses {dict(statuses)}, grown {grown_mb:.1f} MB")  # noqa: T201  figures for the reader
    assert set(statuses) <= {200, 400, 503}
    assert statuses[200] > REQUESTS / 2
    for answer in answers.values():
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1

    recorded = _outcomes(server.data)
    for request_id, answer in answers.items():
        refused_at_the_door = answer.status_code == 503 and request_id not in recorded
        assert refused_at_the_door or recorded[request_id] in OUTCOMES[answer.status_code]
    assert {one for one in recorded if one.startswith("load-")} <= set(answers)
    assert grown_mb < 100


def _burst(server: Served, name: str, requests: int) -> dict[str, httpx.Response]:
    def ask(number: int) -> tuple[str, httpx.Response]:
        request_id = f"{name}-{number}"
        body = {"prompt": PROMPTS[number % len(PROMPTS)], "size": "256x256", "num_inference_steps": 2}
        url = f"{server.url}/v1/images/generations"
        return request_id, client.post(url, json=body, headers={"x-request-id": request_id})

    limits = httpx.Limits(max_connections=CONCURRENT)
    with httpx.Client(timeout=300, limits=limits) as client, ThreadPoolExecutor(CONCURRENT) as pool:
        return dict(pool.map(ask, range(requests)))


def _resident_kb(server: Served) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def _outcomes(data: Path) -> dict[str, str]:
    """Outcome by request id; a request with two outcomes fails here."""
    (database,) = data.rglob("audit.db")
    found: defaultdict[str, list[str]] = defaultdict(list)
    connection = sqlite3.connect(database)
    try:
        for (body,) in connection.execute("SELECT body FROM records WHERE stage = 'outcome'"):
            record = orjson.loads(body)
            found[record["request"]["id"]].append(record["outcome"])
    finally:
        connection.close()
    assert all(len(outcomes) == 1 for outcomes in found.values())
    return {request_id: outcomes[0] for request_id, outcomes in found.items()}
