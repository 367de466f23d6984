"""Who may see `/review`: keys, cookies, forms, and how often an address may fail."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from support.browsing import REVIEWED, Reviewed, with_keys
from support.gateway import Scripted, scripted_gateway

from gateway.api.console.sessions import Attempts
from gateway.api.keys import load_keys, revoke_key
from gateway.core.errors import QuotaExceeded

PAGES = ["/review", "/review/requests", "/review/numbers", "/review/help", "/review/cases/x"]


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[Scripted]:
    async with scripted_gateway(tmp_path / "g", policy=REVIEWED) as gate:
        yield gate


@pytest.fixture
async def reviewed(scripted: Scripted, tmp_path: Path) -> AsyncIterator[Reviewed]:
    made = with_keys(scripted, tmp_path)
    async with made.http:
        yield made


@pytest.mark.parametrize("role", ["review", "admin"])
async def test_a_reviewer_s_key_opens_the_queue(reviewed: Reviewed, role: str) -> None:
    """The cookie can't be read by scripts, comes from this site alone, and is not the key."""
    answer = await reviewed.sign_in(role)
    assert (answer.status_code, answer.headers["location"]) == (303, "/review")
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/review"))
    assert "Secure" not in cookie
    assert reviewed.secrets[role] not in cookie
    assert (await reviewed.http.get("/review")).status_code == 200


async def test_over_https_the_cookie_is_for_https_alone(reviewed: Reviewed) -> None:
    """Secure is set when the request came by https."""
    answer = await reviewed.http.post(
        "https://127.0.0.1/review/sign-in", data={"key": reviewed.secrets["review"]}
    )
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("role", ["generate", "audit"])
async def test_another_role_s_key_does_not(reviewed: Reviewed, role: str) -> None:
    """It says why, and gives no cookie."""
    answer = await reviewed.sign_in(role)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert role in answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_session_every_page_leads_to_sign_in(reviewed: Reviewed, path: str) -> None:
    """And remembers where one wanted to go."""
    answer = await reviewed.http.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/review/sign-in")


@pytest.mark.parametrize(
    "there", ["//evil.example/", "https://evil.example/review", "/v1/models", "/review\\@x"]
)
async def test_sign_in_leads_nowhere_else(reviewed: Reviewed, there: str) -> None:
    """`next` is one of these pages or ignored."""
    answer = await reviewed.http.post(
        "/review/sign-in", data={"key": reviewed.secrets["review"], "next": there}
    )
    assert answer.headers["location"] == "/review"


async def test_a_session_ends_by_signing_out(reviewed: Reviewed) -> None:
    """The old cookie is worth nothing then, wherever it was copied to."""
    await reviewed.sign_in()
    copied = dict(reviewed.http.cookies)
    assert (await reviewed.post("/review/sign-out")).status_code == 303
    reviewed.http.cookies = httpx.Cookies(copied)
    assert (await reviewed.http.get("/review")).status_code == 303


async def test_a_session_ends_after_a_time(reviewed: Reviewed) -> None:
    """An hour without use, or twelve hours in all."""
    await reviewed.sign_in()
    sessions = reviewed.app.state.console.sessions
    real, hour = sessions._clock_us, 3_600_000_000
    for hours in range(1, 12):
        sessions._clock_us = lambda hours=hours: real() + round(hours * 0.9 * hour)
        assert (await reviewed.http.get("/review")).status_code == 200
    sessions._clock_us = lambda: real() + round(12.1 * hour)
    assert (await reviewed.http.get("/review")).status_code == 303
    sessions._clock_us = real
    await reviewed.sign_in()
    sessions._clock_us = lambda: real() + round(1.1 * hour)
    assert (await reviewed.http.get("/review")).status_code == 303


async def test_a_revoked_key_ends_its_sessions(reviewed: Reviewed) -> None:
    """Within the second in which the key file is looked at again."""
    await reviewed.sign_in()
    for key in load_keys(reviewed.keys_file):
        revoke_key(reviewed.keys_file, key.id)
    reviewed.app.state.edge.keys._checked = float("-inf")
    assert (await reviewed.http.get("/review")).status_code == 303


async def test_a_made_up_cookie_is_nobody(reviewed: Reviewed) -> None:
    """Neither a guess nor a very long one."""
    for value in ("x", "x" * 5000):
        answer = await reviewed.http.get("/review", headers={"cookie": f"imagegate_review={value}"})
        assert answer.status_code == 303


@pytest.mark.parametrize("headers", [{}, {"x-csrf-token": "guess"}])
async def test_a_form_without_the_session_s_token_is_refused(
    reviewed: Reviewed, headers: dict[str, str]
) -> None:
    """Whatever it asks for, nothing happens."""
    await reviewed.sign_in()
    for path in ("/review/next", "/review/sign-out", "/review/bulk", "/review/views", "/review/acts/a/undo"):
        answer = await reviewed.http.post(path, data={"csrf": "wrong"}, headers=headers)
        assert answer.status_code == 403
    assert (await reviewed.http.get("/review")).status_code == 200


async def test_another_session_s_token_is_refused(reviewed: Reviewed) -> None:
    """A token belongs to one session."""
    await reviewed.sign_in("admin")
    other = await reviewed.csrf()
    await reviewed.sign_in()
    assert (await reviewed.http.post("/review/next", data={"csrf": other})).status_code == 403


async def test_a_form_from_another_site_is_refused(reviewed: Reviewed) -> None:
    """Even with the token, and at sign-in too."""
    await reviewed.sign_in()
    token, evil = await reviewed.csrf(), {"origin": "https://evil.example"}
    assert (await reviewed.http.post("/review/next", data={"csrf": token}, headers=evil)).status_code == 403
    form = {"key": reviewed.secrets["review"]}
    assert (await reviewed.http.post("/review/sign-in", data=form, headers=evil)).status_code == 403


async def test_an_act_needs_post(reviewed: Reviewed) -> None:
    """No address acts by being visited."""
    await reviewed.sign_in()
    for path in ("/review/next", "/review/sign-out", "/review/bulk", "/review/cases/x/act"):
        assert (await reviewed.http.get(path)).status_code == 405


async def test_the_sixth_failure_has_to_wait(reviewed: Reviewed) -> None:
    """429 with Retry-After, even for the right key; each failure is counted for metrics."""
    for _ in range(5):
        answer = await reviewed.http.post("/review/sign-in", data={"key": "ig-wrong"})
        assert answer.status_code == 401
    answer = await reviewed.sign_in()
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "set-cookie" not in answer.headers
    assert b"imagegate_failed_sign_ins 5.0" in reviewed.app.state.edge.metrics.render()


def test_failures_are_forgotten_and_counted_per_network() -> None:
    """After fifteen minutes; another address is free; IPv6 addresses of one /64 count together."""
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for number in range(5):
        attempts.failed(f"2001:db8::{number:x}")
    with pytest.raises(QuotaExceeded):
        attempts.check("2001:db8::ffff")
    attempts.check("2001:db8:0:1::1")
    attempts.check("192.0.2.1")
    now[0] = 901.0
    attempts.check("2001:db8::ffff")


async def test_without_keys_the_page_says_that_nobody_is_identified(scripted: Scripted) -> None:
    """One goes on as "local", on every page; under a foreign name nothing is shown."""
    http = scripted.http
    page = await http.get("/review/sign-in")
    assert "nobody is identified" in page.text
    assert (await http.post("/review/sign-in", data={})).status_code == 303
    assert "nobody is identified" in (await http.get("/review")).text
    assert (await http.get("/review", headers={"host": "evil.example"})).status_code == 403
    assert (await http.post("/review/sign-in", headers={"host": "evil.example"})).status_code == 403


@pytest.mark.parametrize(
    "path", [*PAGES, "/review/sign-in", "/review/static/console.js", "/review/requests.csv"]
)
async def test_a_page_lets_nothing_in_from_elsewhere(reviewed: Reviewed, path: str) -> None:
    """No inline script or style, no other site, no frame, no copy in a cache."""
    await reviewed.sign_in()
    answer = await reviewed.http.get(path)
    policy = answer.headers["content-security-policy"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert {rules[name] for name in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
    assert answer.headers["cache-control"] in {"no-store", "no-cache"}
    assert answer.headers["referrer-policy"] == "same-origin"
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert re.findall(r"<script(?![^>]*\ssrc=)", answer.text) == []
        assert re.findall(r"\s(?:style|on\w+)=", answer.text) == []
        assert re.findall(r'(?:src|href|action)="(?!/review)', answer.text.replace('href="#main"', "")) == []
