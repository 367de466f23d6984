"""`gateway.testing` as the tests of a client use it: over a socket, with the official client."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.testing import ScriptedGateway, Word, scripted_gateway

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedGateway]:
    with scripted_gateway(tmp_path_factory.mktemp("scripted")) as running:
        yield running


@pytest.mark.parametrize("word", list(Word))
def test_each_word_brings_about_what_the_page_says(scripted: ScriptedGateway, word: Word) -> None:
    """Status and code of the answer are those of the word's row in docs/testing.md."""
    (row,) = re.findall(rf"^\| `Word\.{word.name}` \|.*\| (.*) \|$", PAGE, re.MULTILINE)
    status, code = re.search(r"(\d{3})(?: `(\w+)`)?", row).groups()  # type: ignore[union-attr]
    answer = _draw(scripted, f"a {word} red apple", n=2)
    assert answer.status_code == int(status)
    assert answer.json().get("error", {}).get("code") == code
    if stage := re.search(r"stage `(\w+)`", row):
        assert answer.json()["error"]["moderation_details"]["moderation_stage"] == stage[1]


def test_a_plain_prompt_is_drawn(scripted: ScriptedGateway) -> None:
    """Without a word of the script there is one picture for each that was asked for."""
    answer = _draw(scripted, "a red apple", n=2)
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 2


def test_a_withheld_picture_is_named(scripted: ScriptedGateway) -> None:
    """With the first picture blocked, the second is delivered and the first named."""
    answer = _draw(scripted, f"a {Word.FIRST_PICTURE_BLOCK} red apple", n=2).json()
    assert len(answer["data"]) == 1
    assert [withheld["index"] for withheld in answer["moderation"]["withheld"]] == [0]


def test_two_run_side_by_side(scripted: ScriptedGateway, tmp_path: Path) -> None:
    """Each has a port and a folder of its own, and ends with its block."""
    with scripted_gateway(tmp_path) as other:
        assert other.url != scripted.url
        assert httpx.get(f"{other.url}/readyz").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{other.url}/readyz")
    assert httpx.get(f"{scripted.url}/readyz").status_code == 200


def test_the_page_s_example_passes(tmp_path: Path) -> None:
    """The tests that docs/testing.md shows run as they stand."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "test_shown.py").write_text(block)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shown.py"]
    around = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=tmp_path, env=around, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout


def _draw(scripted: ScriptedGateway, prompt: str, *, n: int) -> httpx.Response:
    body = {"prompt": prompt, "n": n, "size": "64x64"}
    return httpx.post(f"{scripted.base_url}/images/generations", json=body, timeout=60)
