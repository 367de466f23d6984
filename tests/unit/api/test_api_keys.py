"""API keys: on disk, in memory, and as the routes see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import orjson
import pytest
from support.service import FakeServer, FakeSettings, ScriptedService, client_of

from gateway.api.app import create_app
from gateway.api.auth import Authenticator, check_bind
from gateway.api.keys import ApiKey, KeyTable, NewKey, Role, add_key, create_key, load_keys, revoke_key
from gateway.core.errors import ConfigurationError

GENERATE = "/v1/images/generations"
BODY = {"prompt": "x"}


def bearer(made: NewKey) -> dict[str, str]:
    return {"authorization": f"Bearer {made.secret}"}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "keys.jsonl"


@pytest.fixture
def made(keys: Path) -> dict[Role, NewKey]:
    made = {role: create_key(role, tenant="acme", policy="strict") for role in Role}
    for new in made.values():
        add_key(keys, new.key)
    return made


@pytest.fixture
def guarded(keys: Path, made: object, service: ScriptedService) -> httpx.AsyncClient:
    service.settings = replace(service.settings, keys_file=keys)
    return client_of(create_app(service))


def test_only_the_hash_is_kept(keys: Path) -> None:
    """The file holds no secret, is for its owner only, and survives a round trip."""
    new = create_key(Role.AUDIT, tenant="acme", policy="strict", rate_per_minute=5)
    add_key(keys, new.key)
    assert new.secret.startswith("ig-")
    assert len(new.secret) == 3 + 43
    assert new.secret not in keys.read_text()
    assert load_keys(keys) == (new.key,)
    assert keys.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in keys.parent.iterdir()] == [keys.name]


def test_a_secret_finds_its_own_key_only(keys: Path) -> None:
    """Among keys whose hashes begin alike, the whole hash decides; a revoked key is not found."""
    one, two = create_key(Role.GENERATE), create_key(Role.ADMIN)
    alike = replace(two.key, id="twin", sha256=one.key.sha256[:8] + "0" * 56)
    table = KeyTable([alike, one.key, replace(two.key, revoked=True)])
    assert table.match(one.secret) == one.key
    assert table.match(two.secret) is None
    assert table.match("ig-nonsense") is None


def test_revoking_keeps_the_line(keys: Path) -> None:
    """A revoked key stays in the file, marked; an unknown id changes nothing."""
    new = create_key(Role.GENERATE)
    add_key(keys, new.key)
    assert revoke_key(keys, new.key.id) is True
    assert revoke_key(keys, "key_none") is False
    assert load_keys(keys) == (replace(new.key, revoked=True),)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role": "root"}, "role"),
        ({"sha256": "zz"}, "sha256"),
        ({"rate_per_minute": 0}, "rate_per_minute"),
        ({"tenant": ""}, "tenant"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_wrong_line_is_named(keys: Path, change: dict[str, object], field: str) -> None:
    """A wrong field is a ConfigurationError that names line and field, and never shows the line."""
    add_key(keys, create_key(Role.GENERATE).key)
    line = {"id": "k", "sha256": "0" * 64, "role": "admin", **change}
    keys.write_bytes(keys.read_bytes() + orjson.dumps(line) + b"\n")
    with pytest.raises(ConfigurationError, match=rf"line 2, {field}"):
        load_keys(keys)


def test_a_double_id_is_refused(keys: Path) -> None:
    """Two keys with one id could not be told apart on record."""
    key = ApiKey("k", "0" * 64, Role.ADMIN)
    add_key(keys, key)
    with pytest.raises(ConfigurationError, match="twice"):
        add_key(keys, key)
    assert load_keys(keys) == (key,)
    keys.write_bytes(keys.read_bytes() * 2)
    with pytest.raises(ConfigurationError, match="twice"):
        load_keys(keys)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", GENERATE, {Role.GENERATE, Role.ADMIN}),
        ("POST", "/v1/moderations", {Role.GENERATE, Role.ADMIN}),
        ("GET", "/v1/models", set(Role)),
        ("GET", "/v1/models/emoji", set(Role)),
        ("GET", "/v1/audit/records", {Role.AUDIT, Role.REVIEW, Role.ADMIN}),
        ("GET", "/v1/audit/records/r1", {Role.AUDIT, Role.REVIEW, Role.ADMIN}),
        ("GET", "/v1/audit/checkpoint", {Role.AUDIT, Role.REVIEW, Role.ADMIN}),
        ("GET", "/metrics", {Role.METRICS, Role.ADMIN}),
    ],
)
async def test_each_role_reaches_its_routes_only(
    guarded: httpx.AsyncClient,
    made: dict[Role, NewKey],
    service: ScriptedService,
    method: str,
    path: str,
    allowed: set[Role],
) -> None:
    """No key and a wrong key are 401, a wrong role 403, and only the right roles get in."""
    service.records = [{"id": "r1", "tenant": "acme"}]
    body = {"input": "x"} if "moderations" in path else BODY
    sent = {"json": body} if method == "POST" else {}
    async with guarded as client:
        nobody = await client.request(method, path, **sent)
        wrong = await client.request(method, path, headers={"authorization": "Bearer ig-" + "x" * 43}, **sent)
        assert (nobody.status_code, wrong.status_code) == (401, 401)
        assert nobody.headers["www-authenticate"].startswith("Bearer")
        assert nobody.json()["error"]["code"] == "invalid_api_key"
        for role, new in made.items():
            answer = await client.request(method, path, headers=bearer(new), **sent)
            assert answer.status_code == (200 if role in allowed else 403), (role, answer.text)
            assert new.secret not in answer.text


@pytest.mark.parametrize("header", ["ig-x", "Basic aWc=", "Bearer", "Bearer  ", "Bearer " + "x" * 9999])
async def test_only_a_bearer_header_counts(
    guarded: httpx.AsyncClient, made: dict[Role, NewKey], header: str
) -> None:
    """Other schemes, empty keys and keys in the address are no keys."""
    async with guarded as client:
        answer = await client.get("/v1/models", headers={"authorization": header})
        in_query = await client.get("/v1/models", params={"api_key": made[Role.ADMIN].secret})
        assert (answer.status_code, in_query.status_code) == (401, 401)


async def test_a_key_brings_its_tenant_and_policy(
    guarded: httpx.AsyncClient, made: dict[Role, NewKey], service: ScriptedService
) -> None:
    """The caller is the key's; a bound policy can't be loosened by the request."""
    async with guarded as client:
        await client.post(GENERATE, json=BODY, headers=bearer(made[Role.GENERATE]))
        low = await client.post(
            GENERATE, json={**BODY, "moderation": "low"}, headers=bearer(made[Role.GENERATE])
        )
    caller = service.requests[0].caller
    assert (caller.tenant, caller.policy, caller.role) == ("acme", "strict", "generate")
    assert caller.actor == made[Role.GENERATE].key.id
    assert (low.status_code, low.json()["error"]["param"]) == (400, "moderation")


async def test_a_key_has_its_own_rate(keys: Path, service: ScriptedService) -> None:
    """Beyond its rate a key gets 429 with Retry-After, and another key is not touched."""
    slow, other = create_key(Role.GENERATE, rate_per_minute=2), create_key(Role.GENERATE)
    add_key(keys, slow.key)
    add_key(keys, other.key)
    service.settings = replace(service.settings, keys_file=keys)
    async with client_of(create_app(service)) as client:
        answers = [await client.post(GENERATE, json=BODY, headers=bearer(slow)) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json()["error"]["type"] == "rate_limit_error"
        assert 1 <= int(answers[2].headers["retry-after"]) <= 30
        assert (await client.post(GENERATE, json=BODY, headers=bearer(other))).status_code == 200


def test_a_changed_file_counts_within_a_second(keys: Path) -> None:
    """Keys are read again when the file changes; a broken file keeps the keys and shows as not ready."""
    now = 0.0
    first, second = create_key(Role.ADMIN), create_key(Role.ADMIN)
    add_key(keys, first.key)
    known = Authenticator(keys, clock=lambda: now)

    def matches(new: NewKey) -> bool:
        known._reload()
        assert known._table is not None
        return known._table.match(new.secret) is not None

    add_key(keys, second.key)
    revoke_key(keys, first.key.id)
    assert (matches(first), matches(second)) == (True, False)
    now = 2.0
    assert (matches(first), matches(second)) == (False, True)
    keys.write_text("broken")
    now = 4.0
    assert matches(second) is True
    assert "line 1" in known.readiness
    keys.unlink()
    now = 6.0
    assert matches(second) is True
    assert "can't be read" in known.readiness


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "gate.example.com", "127.example.com"])
def test_without_keys_only_loopback_is_served(host: str) -> None:
    """Binding to anything else without keys is refused, and with keys it is not."""
    settings = FakeSettings(server=FakeServer(host=host))
    with pytest.raises(ConfigurationError, match="loopback"):
        check_bind(settings)
    check_bind(replace(settings, keys_file=Path("keys")))
    for local in ("127.0.0.1", "127.0.0.9", "::1", "localhost"):
        check_bind(FakeSettings(server=FakeServer(host=local)))


@pytest.mark.parametrize("path", ["/v1/models", "/metrics"])
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9999", 200),
        ("localhost", 200),
        ("[::1]:8080", 200),
        ("[::1]", 200),
        ("evil.example", 403),
        ("evil.example:8080", 403),
        ("", 403),
    ],
)
async def test_without_keys_a_foreign_name_is_refused(
    client: httpx.AsyncClient, host: str, status: int, path: str
) -> None:
    """A web page whose name was pointed at this machine can't use an open server."""
    assert (await client.get(path, headers={"host": host})).status_code == status
