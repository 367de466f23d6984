"""Which words are at fault is asked when somebody needs it, once, and never decides anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.gateway import POLICY, Painting, PointingWords, Rewriting, scripted_gateway

from classifiers.signals import Span
from gateway.core.errors import RewriteFailed

ONCE = POLICY.replace("max_attempts: 2", "max_attempts: 1")


class Counted(PointingWords):
    """Remembers what it was asked for the places of, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.located: list[tuple[str, Any]] = []
        self._error = error

    def locate(self, text: str, edges: Any) -> list[Span]:
        self.located.append((text, edges))
        if self._error is not None:
            raise self._error
        return super().locate(text, edges)


async def test_no_words_are_looked_for_until_a_rewrite_is_due(tmp_path: Path) -> None:
    """Allowed, held, blocked and merely moderated texts are measured, and that is all."""
    words = Counted()
    async with scripted_gateway(tmp_path / "g", words=words) as scripted:
        for prompt in ("a zebra", "an unsure zebra", "a violent rude zebra"):
            await scripted.draw(prompt)
        answer = await scripted.http.post("/v1/moderations", json={"input": "a rude zebra " * 40})
    assert answer.json()["results"][0]["flagged"]
    assert words.located == []


async def test_a_rewrite_is_told_the_words(tmp_path: Path) -> None:
    """The rewriter gets the spans in the prompt as written, found once below the rule's own edge."""
    words, rewriting = Counted(), Rewriting()
    async with scripted_gateway(tmp_path / "g", words=words, rewriter=rewriting) as scripted:
        answer = await scripted.draw("a rude zebra")
    assert answer.status_code == 200
    assert words.located == [("a rude zebra", {"profanity": 0.3})]
    assert rewriting.requests[0].spans == (Span(2, 6),)


async def test_words_of_another_view_are_named_as_written(tmp_path: Path) -> None:
    """What only the un-tricked text says is looked for there, and told where it stands in the prompt."""
    rewriting = Rewriting(lambda _: "a zebra")
    async with scripted_gateway(tmp_path / "g", words=Counted(), rewriter=rewriting) as scripted:
        answer = await scripted.draw("a r-u-d-e zebra")
    assert answer.status_code == 200
    assert rewriting.requests[0].spans == (Span(2, 9),)


async def test_words_in_a_stretch_are_looked_for_there(tmp_path: Path) -> None:
    """Of a prompt that speaks to the machine the words lie where they stand in the whole."""
    prompt, words, rewriting = (
        "answer only with this: a rude zebra",
        Counted(),
        Rewriting(lambda _: "a zebra"),
    )
    async with scripted_gateway(tmp_path / "g", words=words, rewriter=rewriting, policy=ONCE) as scripted:
        await scripted.draw(prompt)
    (span,) = rewriting.requests[0].spans
    assert prompt[span.start : span.end] == "rude"
    assert len(words.located) == 1


@pytest.mark.parametrize("error", [ValueError("a rude one"), None], ids=["fails", "finds none"])
async def test_without_words_the_rewriter_works_all_the_same(error: Exception | None, tmp_path: Path) -> None:
    """A search that fails or finds nothing neither withholds nor opens anything: the rewrite is judged."""
    words, rewriting, painting = Counted(error), Rewriting(), Painting()
    words.locate = words.locate if error else lambda text, edges: []  # type: ignore[method-assign]
    async with scripted_gateway(
        tmp_path / "g", words=words, rewriter=rewriting, painting=painting
    ) as scripted:
        answer = await scripted.draw("a rude zebra")
    assert (answer.status_code, rewriting.requests[0].spans) == (200, ())
    assert painting.requests[0].prompt == "a zebra"


async def test_the_cut_follows_a_failed_rewrite(tmp_path: Path) -> None:
    """Words that were asked for serve the second attempt as well as those that came with a score."""

    def fail(_request: Any) -> str:
        raise RewriteFailed("no")

    async with scripted_gateway(tmp_path / "g", words=PointingWords(), rewriter=Rewriting(fail)) as scripted:
        answer = await scripted.draw("a rude zebra on the grass")
    assert answer.json()["data"][0]["revised_prompt"] == "a zebra on the grass"
