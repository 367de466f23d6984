"""kill -9 under load: no answer that a client received lacks its durable records."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest
from support.servers import Served, image_server, light_settings, start_gateway

KILLS = int(os.environ.get("IMAGEGATE_TEST_KILLS", "50"))
CLIENTS = 4
LOAD_S = 0.5


@pytest.mark.slow
def test_no_answer_without_its_records(tmp_path: Path) -> None:
    """After every kill, each answered request has its prompt decision and its outcome in the log."""
    received: dict[str, int] = {}
    with image_server() as upstream:
        settings = light_settings(upstream.base_url, tmp_path / "policies")
        for round_number in range(KILLS):
            served = start_gateway(tmp_path, settings)
            try:
                served.wait_ready()
                _load_until_killed(served, round_number, received)
            finally:
                served.stop(signal.SIGKILL)
    stages = _stages_by_request(tmp_path)
    assert len(received) > KILLS
    assert set(received.values()) <= {200, 400}
    missing = [request for request in received if not {"prompt", "outcome"} <= stages[request]]
    assert missing == []


def _load_until_killed(served: Served, round_number: int, received: dict[str, int]) -> None:
    halt = threading.Event()

    def client(number: int) -> None:
        for count in range(10_000):
            if halt.is_set():
                return
            request_id = f"kill-{round_number}-{number}-{count}"
            prompt = "a forbidden thing" if count % 5 == 4 else "a red apple"
            connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
            try:
                connection.request(
                    "POST",
                    "/v1/images/generations",
                    json.dumps({"prompt": prompt, "size": "64x64"}),
                    {"content-type": "application/json", "x-request-id": request_id},
                )
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return
            finally:
                connection.close()
            received[request_id] = answer.status

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(LOAD_S)
    served.process.send_signal(signal.SIGKILL)
    served.process.wait(timeout=30)
    halt.set()
    for thread in threads:
        thread.join(timeout=30)


def _stages_by_request(data: Path) -> defaultdict[str, set[str]]:
    (database,) = data.rglob("audit.db")
    stages: defaultdict[str, set[str]] = defaultdict(set)
    connection = sqlite3.connect(database)
    try:
        for (leaf,) in connection.execute("SELECT body FROM records"):
            record = json.loads(leaf)
            if record["type"] == "decision":
                stages[record["request"]["id"]].add(record["stage"])
    finally:
        connection.close()
    return stages
