"""Make the pictures of docs/review.md: `python tests/screenshots.py` (needs a Chromium).

Duty: a scripted gateway with a few requests and decisions → docs/images/review-*.png. No model is loaded.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import Page, async_playwright

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.browsing import REVIEWED, chromium, lively, served, with_keys  # noqa: E402
from support.gateway import Painting, scripted_gateway  # noqa: E402
from support.reviewing import ANN, EVERY  # noqa: E402

from gateway.review.types import Act, ActRequest  # noqa: E402

OUT: Final = ROOT / "docs" / "images"
_COLOURS: Final = 128


async def main() -> None:
    """Write all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        painting = Painting()
        async with scripted_gateway(Path(folder) / "g", painting=painting, policy=REVIEWED) as scripted:
            for _ in range(2):
                await lively(scripted, painting)
            reviewed = with_keys(scripted, Path(folder))
            async with reviewed.http, served(reviewed.app) as url, async_playwright() as driver:
                browser = await driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
                laptop = await browser.new_page(viewport={"width": 1280, "height": 800})
                await _sign_in(laptop, url, reviewed.secrets["review"])
                await _take(laptop, "queue")
                await laptop.click("text=rude")
                await laptop.wait_for_selector(".proof.good")
                await _take(laptop, "case")
                desk = scripted.gateway.desk
                case = laptop.url
                for number, row in enumerate((await desk.queue(ANN, EVERY)).cases[2:7]):
                    wrong = ActRequest(Act.OVERTURN, to="allow", reason="art")
                    await desk.act(ANN, row.id, wrong if number == 2 else ActRequest(Act.CONFIRM))
                await laptop.goto(f"{url}/review/numbers?last=24h")
                await _take(laptop, "numbers")
                phone = await browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
                await _sign_in(phone, url, reviewed.secrets["review"])
                await phone.goto(case)
                await _take(phone, "phone")
                await browser.close()


async def _sign_in(page: Page, url: str, secret: str) -> None:
    await page.goto(f"{url}/review")
    await page.fill("#key", secret)
    await page.press("#key", "Enter")
    await page.wait_for_selector("#rows")


async def _take(page: Page, name: str) -> None:
    picture = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    picture.quantize(_COLOURS).save(OUT / f"review-{name}.png", optimize=True)


if __name__ == "__main__":
    asyncio.run(main())
