"""Parts of one input belong together: what is cut into parts is judged as it reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.gateway import Scripted, Words, scripted_gateway

from classifiers.signals import Signal


class Remembering(Words):
    """Words, with every text that was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def classify(self, batch: Sequence[str]) -> Sequence[Sequence[Signal]]:
        self.asked += batch
        return super().classify(batch)


def _parts(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


async def _judged(scripted: Scripted, *texts: str) -> dict[str, Any]:
    answer = await scripted.http.post(
        "/v1/moderations", json={"input": _parts(*texts)}, headers={"x-request-id": "r1"}
    )
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    return dict(result)


@pytest.mark.parametrize(
    ("texts", "flagged"),
    [
        (("a vio", "lent goat"), True),
        (("a v", "iol", "ent goat"), True),
        (("a quiet", "goat"), False),
        (("violent", "goat"), True),
    ],
)
async def test_a_word_cut_into_parts_is_whole_again(
    texts: tuple[str, ...], flagged: bool, tmp_path: Path
) -> None:
    """No part alone holds the word; joined with nothing they do."""
    async with scripted_gateway(tmp_path / "g") as scripted:
        assert (await _judged(scripted, *texts))["flagged"] is flagged


async def test_parts_read_as_a_sentence_too(tmp_path: Path) -> None:
    """Parts are judged singly, joined with nothing, and joined with a space; each judgement is on record."""
    words = Remembering()
    async with scripted_gateway(tmp_path / "g", words=words) as scripted:
        result = await _judged(scripted, "one", "two", "three")
        trail = scripted.trail("r1")
    assert words.asked == ["one", "two", "three", "onetwothree", "one two three"]
    assert [entry["id"] for entry in result["moderation"]["decisions"]] == [r["id"] for r in trail[:-1]]


@pytest.mark.parametrize(
    ("texts", "more"),
    [
        (("alone",), []),
        (("one ", "two"), ["one two"]),
        (("one", " "), []),
        (("one", "\n", "two"), ["one\ntwo"]),
    ],
)
async def test_no_reading_is_judged_twice(texts: tuple[str, ...], more: list[str], tmp_path: Path) -> None:
    """A reading that has the words of one judged already costs nothing."""
    words = Remembering()
    async with scripted_gateway(tmp_path / "g", words=words) as scripted:
        await _judged(scripted, *texts)
    assert words.asked == [*texts, *more]


async def test_the_cost_is_bounded(tmp_path: Path) -> None:
    """The longest input that is taken is judged three times over; a longer one is a 400 with the limit."""
    words = Remembering()
    texts = ["harmless " * 100] * 32
    async with scripted_gateway(tmp_path / "g", words=words) as scripted:
        await _judged(scripted, *texts)
        spent = sum(map(len, words.asked))
        refused = await scripted.http.post("/v1/moderations", json={"input": _parts(*["x" * 1001] * 32)})
    assert spent <= 3 * sum(map(len, texts)) + 31
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "input"
    assert "32000 characters" in refused.json()["error"]["message"]
