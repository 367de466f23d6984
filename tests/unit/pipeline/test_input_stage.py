"""A picture that a request brings is judged first; what is not plainly allowed is never used."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.gateway import POLICY, Looks, Painting, scripted_gateway

HATEFUL, VIOLENT, SEXUAL, CLEAN = 3, 2, 1, 0


class Altering(Painting):
    """A backend that takes pictures."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        pictures = self.card.parameters | {"image", "strength", "mask"}
        self.card = dataclasses.replace(self.card, parameters=pictures)


def upload(mark: int) -> bytes:
    """A picture in which `Looks` sees what the mark says."""
    pixels = np.full((64, 64, 3), 128, np.uint8)
    pixels[0, 0, 0] = mark
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


async def edit(scripted: Any, mark: int, prompt: str = "a hat") -> Any:
    return await scripted.http.post(
        "/v1/images/edits",
        data={"prompt": prompt},
        files={"image": upload(mark)},
        headers={"x-request-id": "r1"},
    )


async def test_the_picture_is_judged_before_the_prompt_and_the_result_after(tmp_path: Path) -> None:
    """The records of an edit are the picture's, the prompt's, the drawing's and the result's, in order."""
    painting = Altering()
    async with scripted_gateway(tmp_path / "g", painting=painting) as scripted:
        answer = await edit(scripted, CLEAN)
        trail = scripted.trail("r1")
    assert answer.status_code == 200
    assert [r["stage"] for r in trail] == ["input-image", "prompt", "generate", "image", "outcome"]
    assert answer.json()["moderation"]["decisions"] == [trail[0]["id"], trail[1]["id"], trail[3]["id"]]
    assert trail[2]["parameters"]["from_picture"] is True
    assert painting.requests[0].source is not None
    assert painting.requests[0].source.pixels[0, 0, 0] == CLEAN


@pytest.mark.parametrize(
    ("mark", "code", "words"),
    [
        (SEXUAL, "moderation_blocked", "Sexual picture."),
        (VIOLENT, "moderation_blocked", "picture that was sent"),  # the rule says redact
        (HATEFUL, "moderation_held", "Needs a look."),
    ],
)
async def test_an_offending_picture_is_never_used(tmp_path: Path, mark: int, code: str, words: str) -> None:
    """Whatever is not allow withholds it before the prompt is read or anything drawn, as an input block."""
    painting = Altering()
    async with scripted_gateway(tmp_path / "g", painting=painting) as scripted:
        answer = await edit(scripted, mark)
        trail = scripted.trail("r1")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, code)
    assert words in error["message"]
    assert error["moderation_details"]["moderation_stage"] == "input"
    assert error["moderation"]["stage"] == "input-image"
    assert [r["stage"] for r in trail] == ["input-image", "outcome"]
    assert trail[-1]["action"] == ("hold" if code == "moderation_held" else "block")
    assert painting.requests == []


async def test_the_prompt_of_an_edit_is_judged_like_any_other(tmp_path: Path) -> None:
    """A clean picture does not excuse a violent prompt."""
    async with scripted_gateway(tmp_path / "g", painting=Altering()) as scripted:
        answer = await edit(scripted, CLEAN, "a violent scene")
    assert answer.json()["error"]["moderation"]["stage"] == "prompt"


async def test_a_result_that_offends_is_withheld_as_ever(tmp_path: Path) -> None:
    """A clean picture and a clean prompt can still give a bad drawing."""
    async with scripted_gateway(tmp_path / "g", painting=Altering(marks=(SEXUAL,))) as scripted:
        answer = await edit(scripted, CLEAN)
    assert answer.json()["error"]["moderation_details"]["moderation_stage"] == "output"


async def test_a_picture_that_nobody_could_judge_is_not_used(tmp_path: Path) -> None:
    """Without its classifier the picture is a 503, and nothing is drawn."""
    painting = Altering()

    def broken(_batch: Any, _answers: Any) -> Any:
        raise RuntimeError

    async with scripted_gateway(tmp_path / "g", painting=painting, looks=Looks(broken)) as scripted:
        answer = await edit(scripted, CLEAN)
    assert answer.status_code == 503
    assert painting.requests == []


async def test_a_policy_that_skips_pictures_looks_at_none(tmp_path: Path) -> None:
    """The written reason covers the picture that came as well; the record shows that nobody looked."""
    head, _, _ = POLICY.partition("  image:\n")
    skipping = head + "  image:\n    skip: {reason: tests, date: 2026-11-23}\n"
    async with scripted_gateway(tmp_path / "g", painting=Altering(), policy=skipping) as scripted:
        answer = await edit(scripted, SEXUAL)
        trail = scripted.trail("r1")
    assert answer.status_code == 200
    assert "input-image" not in [record["stage"] for record in trail]


async def test_a_picture_and_a_prompt_meet_the_locks_together(tmp_path: Path) -> None:
    """What the picture showed counts for the locked rules at the prompt, its rewrite and the drawing."""

    def sexual_a_little(_batch: Any, answers: Any) -> Any:
        return [
            [dataclasses.replace(s, score=0.4 if s.category == "sexual" else s.score) for s in one]
            for one in answers
        ]

    async with scripted_gateway(
        tmp_path / "g", painting=Altering(), looks=Looks(sexual_a_little)
    ) as scripted:
        answer = await edit(scripted, CLEAN, "a rude zebra")
        carried = [len(record.get("carried", ())) for record in scripted.trail("r1")]
        stages = [record["stage"] for record in scripted.trail("r1")]
    assert answer.status_code == 200
    assert dict(zip(stages, carried, strict=True)) == {
        "input-image": 0, "prompt": 1, "rewrite": 0, "prompt-recheck": 1, "generate": 0, "image": 1,
        "outcome": 0,
    }  # fmt: skip
