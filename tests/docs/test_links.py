"""No page sends its reader nowhere: links, anchors, and what the deployment files name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.service.settings import SettingsForm, load_settings

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for pattern in ("*.md", "docs/**/*.md", "models/*/*.md", "training/*/*.md", "benchmarks/**/*.md")
    for page in sorted(ROOT.glob(pattern))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link is a file or folder here, and its anchor one of that page's headings."""
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_source_file_that_a_page_names_is_there(page: Path) -> None:
    """A reader who opens `gateway/pipeline/run.py` finds it."""
    named = re.findall(
        r"`((?:gateway|policies|classifiers|tests)/[\w/]+(?:\.py|/))`", page.read_text("utf-8")
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_operations_names_metrics_that_exist() -> None:
    """Each metric that the page watches stands in the API's table, which is held to the source."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    named = {name.removesuffix("_count") for name in re.findall(r"`(imagegate_[a-z_]+)", page)}
    assert named
    assert {name for name in named if f"`{name}`" not in table} == set()


def test_the_deployment_s_settings_are_settings() -> None:
    """deploy/imagegate.yaml loads, and names nothing that is not there."""
    settings = load_settings(ROOT / "deploy" / "imagegate.yaml")
    assert isinstance(settings, SettingsForm)
    assert settings.keys_file is not None


def test_the_image_copies_what_there_is() -> None:
    """Every path that the Dockerfile copies is one of the repository's."""
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    copied = [path for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE) for path in line.split()]
    assert copied
    assert [path for path in copied if not (ROOT / path).exists()] == []


def _prose(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them: lower case, punctuation dropped, spaces to dashes."""
    headings = re.findall(r"^#+ +(.+?) *$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
