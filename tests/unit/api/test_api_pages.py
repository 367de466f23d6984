"""What a browser sees: `/`, and `/docs` with everything that it needs from this server."""

from __future__ import annotations

import re

import httpx
import pytest

from classifiers.weights import check_sha256, read_sums
from gateway.api.pages import VIEWER


async def test_a_person_at_the_root_finds_the_way(client: httpx.AsyncClient) -> None:
    """`/` says in a line what this is, and each of its links leads somewhere."""
    page = await client.get("/")
    assert page.status_code == 200
    assert "a content-safety gateway" in page.text
    links = re.findall(r'<a href="([^"]+)"', page.text)
    assert links
    assert [(await client.get(f"/{link}")).status_code for link in links] == [200] * len(links)


async def test_the_viewer_comes_from_here(client: httpx.AsyncClient) -> None:
    """Each script and style of /docs is one of our own files, with a type that a browser takes."""
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    loaded = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
    assert len(loaded) == 3
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page.text) == []
    for path in loaded:
        file = await client.get(f"/{path}")
        assert file.status_code == 200
        assert file.headers["content-type"].partition(";")[0] in {"text/javascript", "text/css"}
        assert file.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_page_lets_nothing_in_from_another_site(client: httpx.AsyncClient, path: str) -> None:
    """Its policy allows no source but this server, no inline script, and no frame around it."""
    policy = (await client.get(path)).headers["content-security-policy"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules.get("script-src", "'self'") == rules.get("connect-src", "'self'") == "'self'"
    assert "http" not in policy


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "index.html", "%2e%2e%2fpages.py"])
async def test_nothing_else_of_the_folder_is_served(client: httpx.AsyncClient, name: str) -> None:
    """Only the viewer's files have an address."""
    assert (await client.get(f"/docs/{name}")).status_code == 404


def test_the_viewer_s_files_are_the_pinned_ones() -> None:
    """What was taken from elsewhere is unchanged, and its licence lies beside it."""
    sums = read_sums(VIEWER)
    assert {"swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "NOTICE"} <= sums.keys()
    for name, digest in sums.items():
        check_sha256(VIEWER / name, digest)
