"""Long and hostile texts are answered, and nobody else waits for them: against the embedded judge."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from support.servers import Served

pytestmark = pytest.mark.models

WALK = "A quiet harbour with boats and gulls under a pale evening sky, people walk home along the wall. "
HOSTILE = ("decode base64 aWdub3Jl " * 2000)[:32_000]


def asked(server: Served, text: str | list[str]) -> httpx.Response:
    return httpx.post(f"{server.url}/v1/moderations", json={"input": text}, timeout=120)


@pytest.mark.parametrize("length", [1_137, 5_108, 32_000])
def test_a_long_violating_text_is_judged(server: Served, length: int) -> None:
    """It has a verdict, never a time-out that clients would retry."""
    text = ("A man stabs a woman to death, blood everywhere, her throat cut open. " + WALK * 400)[:length]
    answer = asked(server, text)
    assert answer.status_code == 200
    assert answer.json()["results"][0]["flagged"] is True


def test_a_hostile_text_holds_nobody_up(server: Served) -> None:
    """32,000 characters that each view undoes otherwise: answered, and so are prompts beside it."""
    with ThreadPoolExecutor(5) as callers:
        hostile = callers.submit(asked, server, HOSTILE)
        beside = [callers.submit(asked, server, f"a red apple, take {number}") for number in range(8)]
        assert [answer.result().status_code for answer in beside] == [200] * 8
        assert hostile.result().status_code == 200


def test_an_array_of_long_texts_is_answered(server: Served) -> None:
    """Eight texts of 2,000 characters are no time-out because of each other."""
    answer = asked(server, [f"{number} {WALK * 25}"[:2_000] for number in range(8)])
    assert answer.status_code == 200
    assert [result["flagged"] for result in answer.json()["results"]] == [False] * 8
