"""`/v1/audit/…` over a scripted service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from support.service import ScriptedService, client_of

from gateway.api.app import create_app
from gateway.api.keys import NewKey, Role, add_key, create_key
from gateway.audit.filters import RecordFilter

RECORDS = "/v1/audit/records"


async def test_filters_reach_the_log(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """Every filter is passed on, times as microseconds UTC, with cursor and limit."""
    service.records = [{"id": "r1", "tenant": "default"}]
    query = {
        "request": "req-1", "type": "decision", "stage": "image", "action": "block", "category": "violence",
        "rule": "no-harm", "policy_revision": "ab12", "tenant": "acme", "degraded": "true",
        "since": "2026-01-01T00:00:00Z", "until": "2026-01-01T01:00:00.5+01:00",
        "cursor": "c1", "limit": 7,
    }  # fmt: skip
    response = await client.get(RECORDS, params=query)
    assert response.status_code == 200, response.text
    assert response.json() == {
        "object": "list",
        "data": [{"id": "r1", "tenant": "default"}],
        "next_cursor": None,
        "has_more": False,
    }
    assert service.asked == [
        (
            RecordFilter(
                tenant="acme", request_id="req-1", stage="image", action="block", category="violence",
                rule="no-harm", policy_revision="ab12", type="decision", from_us=1_767_225_600_000_000,
                to_us=1_767_225_600_500_000, degraded=True,
            ),
            "c1",
            7,
        )
    ]  # fmt: skip


async def test_pages_follow_the_cursor(client: httpx.AsyncClient) -> None:
    """A page with more behind it says where to go on."""
    body = (await client.get(RECORDS)).json()
    assert (body["next_cursor"], body["has_more"]) == ("next", True)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "SECRET"}, "limit"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"until": "0.5"}, "until"),
        ({"until": "2026-02-30T00:00:00Z"}, "until"),
        ({"degraded": "perhaps"}, "degraded"),
        ({"colour": "SECRET"}, "colour"),
    ],
)
async def test_a_wrong_filter_is_named(
    client: httpx.AsyncClient, service: ScriptedService, query: dict[str, str], param: str
) -> None:
    """A wrong or unknown filter is a 400 that names it; it is never ignored."""
    response = await client.get(RECORDS, params=query)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
    assert "SECRET" not in response.text
    assert service.asked == []


@pytest.fixture
def auditor(tmp_path: Path, service: ScriptedService) -> NewKey:
    new = create_key(Role.AUDIT, tenant="acme")
    add_key(tmp_path / "keys.jsonl", new.key)
    service.settings = replace(service.settings, keys_file=tmp_path / "keys.jsonl")
    return new


async def test_a_key_sees_its_own_tenant_only(auditor: NewKey, service: ScriptedService) -> None:
    """Lists are bound to the key's tenant, a foreign record is not found, a foreign filter is refused."""
    service.records = [
        {"id": "mine", "tenant": "acme"},
        {"id": "other", "tenant": "umbrella"},
        {"id": "none"},
    ]
    headers = {"authorization": f"Bearer {auditor.secret}"}
    async with client_of(create_app(service)) as client:
        client.headers.update(headers)
        await client.get(RECORDS)
        assert service.asked[0][0].tenant == "acme"
        assert service.asked[0][0].of_requests  # the server's own records are no tenant's
        assert (await client.get(RECORDS, params={"tenant": "umbrella"})).status_code == 403
        assert (await client.get(f"{RECORDS}/mine")).json()["id"] == "mine"
        for foreign in ("other", "none", "nothing"):
            assert (await client.get(f"{RECORDS}/{foreign}")).status_code == 404


async def test_the_checkpoint_is_the_log_s_head(client: httpx.AsyncClient) -> None:
    """Size and root, as in the headers of every answer."""
    response: httpx.Response = await client.get("/v1/audit/checkpoint")
    assert response.json() == {"size": 42, "root": "ab" * 32}


async def test_a_proof_is_plain_text(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """An auditor takes the file as it is; a record that is not there has none."""
    service.records = [{"id": "r1", "tenant": "default"}]
    response = await client.get(f"{RECORDS}/r1/proof")
    assert (response.status_code, response.text) == (200, "proof of r1\n")
    assert response.headers["content-type"].startswith("text/plain")
    assert (await client.get(f"{RECORDS}/r2/proof")).status_code == 404


async def test_sealed_text_is_for_reviewers_of_the_tenant(
    tmp_path: Path, auditor: NewKey, service: ScriptedService
) -> None:
    """A reviewer's key opens its own tenant's records, an auditor's opens none, a foreign page none."""
    service.records = [{"id": "mine", "tenant": "acme"}, {"id": "other", "tenant": "umbrella"}]
    reviewer = create_key(Role.REVIEW, tenant="acme")
    add_key(tmp_path / "keys.jsonl", reviewer.key)
    app = create_app(service)
    async with client_of(app) as client:
        client.headers["authorization"] = f"Bearer {auditor.secret}"
        assert (await client.post(f"{RECORDS}/mine/unseal")).status_code == 403
        client.headers["authorization"] = f"Bearer {reviewer.secret}"
        assert (await client.post(f"{RECORDS}/other/unseal")).status_code == 404
        foreign = await client.post(f"{RECORDS}/mine/unseal", headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
        assert service.unsealed == []
        opened = await client.post(f"{RECORDS}/mine/unseal")
    assert opened.json() == {"id": "mine", "access": "access-1", "fields": {"prompt": "a red apple"}}
    assert opened.headers["cache-control"] == "no-store"
    assert service.unsealed == [("mine", reviewer.key.id)]
