"""`/review` in a real headless Chromium, by keys and by pointer, on a laptop's screen and a phone's.

Needs a Chromium (`apt-get install chromium`, or its path in CHROMIUM); `.ci/run` brings it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright
from support.browsing import REVIEWED, Reviewed, chromium, lively, served, with_keys
from support.gateway import Painting, Scripted, scripted_gateway
from support.reviewing import EVERY, LEAD, reviews

from classifiers.weights import check_sha256, read_sums
from gateway.audit.filters import RecordFilter

AXE = Path(__file__).parent / "axe"
SIZES = [(1280, 800), (390, 844)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium() is None, reason="no Chromium here: apt-get install chromium, or set CHROMIUM"
    ),
]


@dataclass
class Visit:
    """One browser at one address, and what went wrong in it."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    async def sign_in(self, secret: str) -> None:
        await self.page.goto(f"{self.url}/review")
        await self.page.fill("#key", secret)
        await self.page.press("#key", "Enter")
        await self.page.wait_for_selector("#rows")

    async def press(self, key: str) -> None:
        """Press a key outside any field, and wait for the page that it leads to."""
        async with self.page.expect_navigation():
            await self.page.keyboard.press(key)

    async def check(self) -> None:
        """No serious fault of accessibility on this page, as axe finds them."""
        await self.page.wait_for_load_state("networkidle")
        found = await self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        serious = [
            (fault["id"], [node["html"][:120] for node in fault["nodes"][:3]])
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]
        assert serious == [], (self.page.url, serious)
        width = await self.page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, f"{self.page.url} is wider than the screen by {width} px"


@dataclass
class Desk:
    """A served page over a scripted gateway."""

    scripted: Scripted
    reviewed: Reviewed
    url: str
    browser: Browser

    @asynccontextmanager
    async def visit(self, size: tuple[int, int] = SIZES[0], scheme: Any = "light") -> AsyncIterator[Visit]:
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, bypass_csp=False
        )
        await context.add_init_script(path=AXE / "axe.min.js")
        visit = Visit(await context.new_page(), self.url)
        visit.page.on("pageerror", lambda error: visit.faults.append(str(error)))
        visit.page.on(
            "console",
            lambda said: visit.faults.append(said.text) if said.type in ("error", "warning") else None,
        )
        visit.page.on(
            "request",
            lambda sent: None if sent.url.startswith(self.url) else visit.elsewhere.append(sent.url),
        )
        try:
            yield visit
            assert visit.faults == []
            assert visit.elsewhere == []
        finally:
            await context.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    painting = Painting()
    async with scripted_gateway(tmp_path / "g", policy=REVIEWED, painting=painting) as scripted:
        await lively(scripted, painting)
        reviewed = with_keys(scripted, tmp_path)
        async with reviewed.http, served(reviewed.app) as url, async_playwright() as driver:
            browser = await driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            try:
                yield Desk(scripted, reviewed, url, browser)
            finally:
                await browser.close()


def test_axe_is_the_pinned_one() -> None:
    """What was taken from elsewhere is unchanged, and its licence lies beside it."""
    sums = read_sums(AXE)
    assert set(sums) == {"axe.min.js", "LICENSE", "LICENSE-3RD-PARTY.txt"}
    for name, digest in sums.items():
        check_sha256(AXE / name, digest)


async def test_a_reviewer_works_by_keys_alone(desk: Desk) -> None:
    """Sign in, move, open, read the diff, confirm, undo, overturn with a reason, note, later, back."""
    async with desk.visit() as visit:
        page = visit.page
        await visit.sign_in(desk.reviewed.secrets["review"])
        for _ in range(2):
            await page.keyboard.press("j")
        await visit.press("Enter")
        assert await page.inner_text("h1") == "blocked block at prompt"
        await visit.press("c")
        assert "On record: confirm." in await page.inner_text("#undo")
        await visit.press("z")
        assert [record["act"] for record in reviews(desk.scripted)] == ["confirm", "undo"]

        await page.keyboard.press("o")
        await page.keyboard.press("Enter")  # allow, without a reason: the page asks for it and sends nothing
        assert await page.evaluate("() => document.activeElement.id") == "reason"
        assert len(reviews(desk.scripted)) == 2
        await page.keyboard.press("Escape")
        await page.keyboard.press("3")
        await page.keyboard.press("o")
        await visit.press("Enter")
        last = reviews(desk.scripted)[-1]
        assert (last["act"], last["to"], last["reason"]) == ("overturn", "allow", "art")

        await page.keyboard.press("n")
        await page.keyboard.type("cjxq? are letters in a field")
        await visit.press("Control+Enter")
        assert "cjxq? are letters in a field" in await page.inner_text(".past")
        await visit.press("s")
        await visit.press("q")
        assert page.url == f"{desk.url}/review"
        await page.keyboard.press("?")
        await page.wait_for_selector("dialog[open]")
        await page.keyboard.press("Escape")
        await visit.press("/")
        assert page.url.endswith("/review/requests")
        assert await _locks(desk) == 0


async def test_what_the_rewriter_took_out_is_marked(desk: Desk) -> None:
    """Side by side; the proof comes by itself, and holds."""
    async with desk.visit() as visit:
        await visit.sign_in(desk.reviewed.secrets["review"])
        await visit.page.goto(f"{desk.url}/review?ground=rewritten")
        await visit.page.click("[data-row]")
        assert await visit.page.text_content(".pair del") == " rude"
        await visit.page.wait_for_selector(".proof.good")


async def test_a_held_request_is_released(desk: Desk) -> None:
    """`r` puts the release on record; the ticket is its client's."""
    async with desk.visit() as visit:
        await visit.sign_in(desk.reviewed.secrets["review"])
        await visit.press("g")
        assert await visit.page.inner_text("h1") == "held hold at prompt"
        assert "left" in await visit.page.inner_text(".clock")
        await visit.press("r")
        assert [record["act"] for record in reviews(desk.scripted)] == ["release"]


async def test_a_picture_shows_while_the_key_is_held(desk: Desk) -> None:
    """By Space and by the pointer; each look is a record, and nothing stays."""
    shown = next(c for c in (await desk.scripted.gateway.desk.queue(LEAD, EVERY)).cases if "shown" in c.rules)
    async with desk.visit() as visit:
        page = visit.page
        await visit.sign_in(desk.reviewed.secrets["review"])
        await page.goto(f"{desk.url}/review/cases/{shown.id}")
        before = await _looks(desk)
        await page.focus("#main")
        await page.keyboard.down(" ")
        await page.wait_for_function("() => document.querySelector('[data-reveal] img')?.naturalWidth > 0")
        await page.keyboard.up(" ")
        assert await page.query_selector("[data-reveal] img") is None
        await page.hover("[data-reveal]")
        await page.mouse.down()
        await page.wait_for_function("() => document.querySelector('[data-reveal] img')?.naturalWidth > 0")
        await page.mouse.up()
        assert await page.query_selector("[data-reveal] img") is None
        assert await _looks(desk) == before + 2


async def test_leaving_a_case_frees_it(desk: Desk) -> None:
    """For another page of ours or for elsewhere, the lock is gone."""
    async with desk.visit() as visit:
        await visit.sign_in(desk.reviewed.secrets["review"])
        await visit.press("g")
        assert await _locks(desk) == 1
        await visit.page.goto(f"{desk.url}/review/numbers")
        await visit.page.wait_for_load_state("networkidle")
        assert await _locks(desk) == 0


async def test_the_other_tab_of_another_reviewer_says_who_has_it(desk: Desk) -> None:
    """Two browsers, one case."""
    async with desk.visit() as first, desk.visit() as second:
        await first.sign_in(desk.reviewed.secrets["review"])
        await second.sign_in(desk.reviewed.secrets["admin"])
        await first.press("g")
        await second.page.goto(first.page.url)
        assert "Held by key_" in await second.page.inner_text("#lock")


async def test_the_explorer_hands_out_csv(desk: Desk) -> None:
    """A facet narrows the view; the CSV link gives the same rows."""
    async with desk.visit() as visit:
        page = visit.page
        await visit.sign_in(desk.reviewed.secrets["review"])
        await page.goto(f"{desk.url}/review/requests")
        await page.click(".facets >> text=violent")
        assert page.url.endswith("rule=violent")
        async with page.expect_download() as waiting:
            await page.click("text=CSV")
        path = await (await waiting.value).path()
        assert len(path.read_text().splitlines()) == 3


@pytest.mark.parametrize("size", SIZES, ids=["laptop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_no_serious_fault(desk: Desk, size: tuple[int, int], scheme: str) -> None:
    """On every page, in both colours and sizes; and nothing is wider than the screen."""
    cases = (await desk.scripted.gateway.desk.queue(LEAD, EVERY)).cases
    async with desk.visit(size, scheme) as visit:
        await visit.page.goto(f"{desk.url}/review")
        await visit.check()
        await visit.sign_in(desk.reviewed.secrets["review"])
        await visit.check()
        chosen = {case.ground: case.id for case in cases}
        for path in (*(f"cases/{case}" for case in chosen.values()), "requests", "numbers?last=24h", "help"):
            await visit.page.goto(f"{desk.url}/review/{path}")
            await visit.check()
        await visit.page.goto(f"{desk.url}/review/cases/{chosen['held']}")
        await visit.page.click("#policy summary")
        await visit.check()


async def _looks(desk: Desk) -> int:
    return len(desk.scripted.reader.records(RecordFilter(type="access")).records)


async def _locks(desk: Desk) -> int:
    return int(
        await desk.scripted.gateway.desk.store.read(
            lambda c: c.execute("SELECT count(*) FROM locks").fetchone()[0]
        )
    )
