"""Keys, roles, tenants, rates and bounded admission on the real process; no model is loaded."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest
from support.servers import ImageServer, Served, image_server, light_settings, running_gateway

from gateway.api.keys import Role, add_key, create_key, revoke_key

IMAGES, RECORDS = "/v1/images/generations", "/v1/audit/records"
APPLE = {"prompt": "a red apple", "size": "64x64"}
KEYS = {
    "shop": (Role.GENERATE, "shop"),
    "shop-audit": (Role.AUDIT, "shop"),
    "school": (Role.GENERATE, "school"),
    "school-review": (Role.REVIEW, "school"),
    "admin": (Role.ADMIN, "default"),
}


@dataclass(frozen=True)
class Locked:
    """A gateway that asks for keys: its key file, and the secrets by name."""

    served: Served
    file: Path
    secrets: dict[str, str]

    def call(self, method: str, path: str, name: str, **rest: object) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.secrets[name]}", **rest.pop("headers", {})}  # type: ignore[dict-item]
        return httpx.request(method, self.served.url + path, headers=headers, timeout=30, **rest)  # type: ignore[arg-type]

    def until(self, name: str, status: int) -> None:
        """Wait until the server answers this key so; a changed file is read within a second."""
        deadline = time.monotonic() + 30
        while self.call("GET", "/v1/models", name).status_code != status:
            assert time.monotonic() < deadline, f"{name} is not answered {status}"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder = tmp_path_factory.mktemp("locked")
    file = folder / "keys.jsonl"
    secrets = {}
    for name, (role, tenant) in KEYS.items():
        made = create_key(role, tenant=tenant)
        add_key(file, made.key)
        secrets[name] = made.secret
    with image_server() as upstream:
        settings = light_settings(upstream.base_url, folder / "policies")
        with running_gateway(folder / "data", {**settings, "keys_file": str(file)}) as served:
            yield Locked(served, file, secrets)


@pytest.mark.parametrize("sent", [None, "Bearer", "Bearer ig-unknown", "Basic eDp5", "Bearer " + "x" * 5000])
def test_without_a_known_key_nothing_is_told(locked: Locked, sent: str | None) -> None:
    """Every route but health and readiness answers 401 in the one body, before it reads anything."""
    headers = {} if sent is None else {"authorization": sent}
    with httpx.Client(base_url=locked.served.url, headers=headers, timeout=30) as client:
        answers = [
            client.post(IMAGES, content=b"not json"),
            client.post("/v1/moderations", json={"input": "x"}),
            client.get(RECORDS),
            client.get("/v1/audit/checkpoint"),
            client.get("/metrics"),
            client.get("/v1/models", params={"api_key": locked.secrets["admin"]}),
        ]
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code in (200, 503)
    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        error = answer.json()["error"]
        assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")


def test_a_role_may_do_its_own_only(locked: Locked) -> None:
    """Generating and reading the log are different keys; admin does both."""
    may = {
        name: (
            locked.call("POST", IMAGES, name, json=APPLE).status_code,
            locked.call("GET", RECORDS, name).status_code,
            locked.call("GET", "/v1/models", name).status_code,
        )
        for name in KEYS
    }
    generate, read = (200, 403, 200), (403, 200, 200)
    assert may == {
        "shop": generate,
        "shop-audit": read,
        "school": generate,
        "school-review": read,
        "admin": (200, 200, 200),
    }


def test_a_tenant_sees_its_own_records_only(locked: Locked) -> None:
    """Lists, filters, ids and a request id that two tenants chose never show another tenant's record."""
    ids = {}
    for tenant in ("shop", "school"):
        answer = locked.call("POST", IMAGES, tenant, json=APPLE, headers={"x-request-id": "the-same"})
        ids[tenant] = answer.headers["x-imagegate-decision"]

    def tenants(name: str, **params: str) -> set[str | None]:
        page = locked.call("GET", RECORDS, name, params={"limit": "200", **params}).json()["data"]
        return {record.get("tenant") for record in page}

    assert tenants("shop-audit") == tenants("shop-audit", tenant="shop") == {"shop"}
    assert tenants("school-review", request="the-same") == {"school"}
    assert tenants("admin", request="the-same") == {"shop", "school"}
    assert tenants("admin", tenant="school") == {"school"}
    assert locked.call("GET", RECORDS, "shop-audit", params={"tenant": "school"}).status_code == 403
    assert locked.call("GET", f"{RECORDS}/{ids['shop']}", "shop-audit").status_code == 200
    foreign = locked.call("GET", f"{RECORDS}/{ids['school']}", "shop-audit")
    none = locked.call("GET", f"{RECORDS}/none", "shop-audit")
    assert (foreign.status_code, foreign.json()) == (none.status_code, none.json()) == (404, none.json())


def test_keys_come_and_go_while_it_runs(locked: Locked) -> None:
    """A key added to the file works without a restart, and is refused once it is revoked; the others stay."""
    made = create_key(Role.GENERATE, tenant="late")
    locked.secrets["late"] = made.secret
    add_key(locked.file, made.key)
    locked.until("late", 200)
    assert locked.call("POST", IMAGES, "late", json=APPLE).status_code == 200
    assert revoke_key(locked.file, made.key.id)
    locked.until("late", 401)
    assert locked.call("POST", IMAGES, "late", json=APPLE).status_code == 401
    assert locked.call("GET", "/v1/models", "shop").status_code == 200


def test_a_broken_key_file_keeps_the_keys_and_is_not_ready(locked: Locked) -> None:
    """A change that can't be read turns /readyz red and neither opens nor closes anything."""
    whole = locked.file.read_bytes()
    try:
        locked.file.write_bytes(whole + b"{broken\n")
        deadline = time.monotonic() + 30
        while locked.served.get("/readyz")[0] != 503:
            assert locked.call("GET", "/v1/models", "shop").status_code == 200
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert httpx.get(locked.served.url + "/v1/models").status_code == 401
    finally:
        locked.file.write_bytes(whole)
    while locked.served.get("/readyz")[0] != 200:
        locked.call("GET", "/v1/models", "shop")
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_key_s_rate_is_its_own(locked: Locked) -> None:
    """Beyond its rate a key gets 429 with both waiting headers, which OpenAI's client reads; others go on."""
    made = create_key(Role.GENERATE, tenant="slow", rate_per_minute=2)
    add_key(locked.file, made.key)
    time.sleep(1.1)
    locked.call("GET", "/v1/models", "shop")  # lets the server look at the file
    with openai.OpenAI(
        base_url=f"{locked.served.url}/v1", api_key=made.secret, max_retries=0, timeout=30
    ) as client:
        for _ in range(2):
            client.images.generate(prompt="a red apple", size="256x256")
        with pytest.raises(openai.RateLimitError) as caught:
            client.images.generate(prompt="a red apple", size="256x256")
    assert caught.value.code == "rate_limit_exceeded"
    headers = caught.value.response.headers
    assert 20_000 < int(headers["retry-after-ms"]) <= 30_000
    assert int(headers["retry-after"]) * 1000 >= int(headers["retry-after-ms"])
    assert locked.call("POST", IMAGES, "shop", json=APPLE).status_code == 200


def test_a_secret_is_nowhere_on_disk(locked: Locked) -> None:
    """Neither the key file, the log, nor what the server printed holds a key."""
    locked.call("POST", IMAGES, "shop", json=APPLE)
    files = [file for file in (*locked.served.data.rglob("*"), locked.file) if file.is_file()]
    assert locked.served.output in files
    for file in files:
        content = file.read_bytes()
        assert [name for name, secret in locked.secrets.items() if secret.encode() in content] == []


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[tuple[Served, ImageServer]]:
    """One request is worked on until the test lets the image server answer, one waits."""
    with image_server(waits=True) as upstream:
        settings = light_settings(upstream.base_url, tmp_path / "policies")
        settings["server"] = {"max_concurrent": 1, "max_queued": 1}
        with running_gateway(tmp_path / "data", settings) as served:
            yield served, upstream


def test_a_full_server_refuses_at_once(narrow: tuple[Served, ImageServer]) -> None:
    """With place and queue taken the next answer is 503 with Retry-After, while nothing of the work is done;
    what was accepted is delivered, and an unread body costs nothing.
    """
    served, upstream = narrow
    with ThreadPoolExecutor(2) as pool:
        accepted = [pool.submit(httpx.post, served.url + IMAGES, json=APPLE, timeout=30) for _ in range(2)]
        _until_full(served)
        for path, body in ((IMAGES, b"not json"), ("/v1/moderations", b"x" * 900_000)):
            refused = httpx.post(served.url + path, content=body, timeout=30)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
            assert int(refused.headers["retry-after"]) >= 1
            assert int(refused.headers["retry-after-ms"]) >= 1
        assert served.get("/readyz")[0] == 200
        assert not any(answer.done() for answer in accepted)
        upstream.may_answer.set()
        assert [answer.result().status_code for answer in accepted] == [200, 200]
    assert len(upstream.seen) == 2


def test_openai_s_client_waits_and_comes_again(narrow: tuple[Served, ImageServer]) -> None:
    """The refused client obeys Retry-After by itself and is served once there is room."""
    served, upstream = narrow
    with (
        ThreadPoolExecutor(3) as pool,
        openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=6, timeout=30) as client,
    ):
        for _ in range(2):
            pool.submit(httpx.post, served.url + IMAGES, json=APPLE, timeout=30)
        _until_full(served)
        answer = pool.submit(client.images.generate, prompt="a red apple", size="256x256")
        _until(served, rb'imagegate_http_request_seconds_count{.*status="503"')
        upstream.may_answer.set()
        assert answer.result().data


def _until_full(served: Served) -> None:
    _until(served, rb"\nimagegate_queued 1.0\n")


def _until(served: Served, pattern: bytes) -> None:
    """Wait until the metrics say so."""
    deadline = time.monotonic() + 30
    while re.search(pattern, served.get("/metrics")[1]) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
