"""The image stage on scripted models: what is drawn anew, how often, and what is said of it."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.gateway import POLICY, Looks, Painting, Words, scripted_gateway

from classifiers.signals import Signal
from gateway.core.errors import GenerationFailed
from gateway.core.ports import Generated, GenerationEvent, GenerationRequest, GeneratorCard, Picture
from gateway.core.requests import OutputFormat
from gateway.imaging.encode import encode
from gateway.pipeline.image_stage import AVOID

ANEW = POLICY.replace("stages:\n", "max_regenerations: 2\nstages:\n").replace(
    "action: redact, reason: Violent picture.", "action: regenerate, reason: Drawn anew without violence."
)
CLEAN, SEXUAL, VIOLENT = 0, 1, 2


class Drafts(Painting):
    """Draws by one tuple of marks per request, the last one for ever; request number `failing` raises."""

    def __init__(self, *marks: tuple[int, ...], failing: int | None = None, **fields: Any) -> None:
        super().__init__(**fields)
        self.drafts, self.fault, self.failing = marks, self._draw, failing

    async def _draw(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        number = len(self.requests)
        if number == self.failing:
            raise GenerationFailed("no more")
        self.marks = self.drafts[min(number, len(self.drafts)) - 1]
        yield Generated(tuple(Picture(pixels) for pixels in self.pictures(request)))


async def _drawn(
    folder: Path, painting: Painting, **fields: Any
) -> tuple[int, Mapping[str, Any], list[Mapping[str, Any]]]:
    """Status, body and trail of one request; its policy draws violent pictures anew, twice at most."""
    async with scripted_gateway(folder, painting=painting, policy=ANEW) as scripted:
        body = {"prompt": "a red apple", "seed": 7, **fields}
        answer = await scripted.http.post("/v1/images/generations", json=body, headers={"x-request-id": "r1"})
        return answer.status_code, answer.json(), scripted.trail("r1")


async def test_only_the_offending_picture_is_drawn_anew(tmp_path: Path) -> None:
    """The one bad picture of three gets a new seed and a negative prompt; all three are delivered."""
    painting = Drafts((CLEAN, VIOLENT, CLEAN), (CLEAN,))
    status, answer, trail = await _drawn(tmp_path / "g", painting, n=3, negative_prompt="a worm")
    assert status == 200
    first, second = painting.requests
    assert second.request_id == f"{first.request_id}#1"  # no client's id holds the mark
    assert len(second.seeds) == 1
    assert second.seeds[0] not in first.seeds
    assert second.negative_prompt == f"a worm, {AVOID['violence']}"
    assert second.request_id != first.request_id
    told = [entry["moderation"] for entry in answer["data"]]
    assert [(one["index"], one["regenerations"]) for one in told] == [(0, 0), (1, 1), (2, 0)]
    assert told[1]["seed"] == second.seeds[0]
    assert answer["moderation"]["images"]["total"] == 4
    assert answer["moderation"]["images"]["inspected"] == 4
    assert [record["attempt"] for record in trail if record["stage"] == "generate"] == [0, 1]


async def test_every_attempt_is_on_record_and_the_last_one_blocks(tmp_path: Path) -> None:
    """A picture that offends each time is drawn max_regenerations times more, then blocked."""
    painting = Drafts((VIOLENT,))
    status, answer, trail = await _drawn(tmp_path / "g", painting)
    error = answer["error"]
    assert (status, error["code"]) == (400, "moderation_blocked")
    assert error["moderation"]["action"] == "block"
    assert "each new one offended" in error["message"]
    assert error["moderation"]["withheld"][0]["regenerations"] == 2
    assert len(painting.requests) == 3
    assert len({seed for request in painting.requests for seed in request.seeds}) == 3
    looked = [record for record in trail if record["stage"] == "image"]
    assert [(record["action"], record["image"]["attempt"]) for record in looked] == [
        ("regenerate", 0),
        ("regenerate", 1),
        ("regenerate", 2),
    ]
    assert (trail[-1]["action"], trail[-1]["outcome"]) == ("block", "blocked")


async def test_a_stricter_find_in_the_new_picture_ends_it(tmp_path: Path) -> None:
    """A new picture that a block rule hits is not drawn a third time."""
    painting = Drafts((VIOLENT, CLEAN), (SEXUAL,))
    status, answer, _ = await _drawn(tmp_path / "g", painting, n=2)
    assert status == 200
    assert len(painting.requests) == 2
    withheld = answer["moderation"]["withheld"]
    assert [(one["index"], one["action"], one["reason"]) for one in withheld] == [
        (0, "block", "Sexual picture.")
    ]


async def test_a_backend_that_fails_the_second_time_costs_only_that_picture(tmp_path: Path) -> None:
    """The clean picture leaves, the other is named, and the failed attempt is on record."""
    painting = Drafts((CLEAN, VIOLENT), failing=2)
    status, answer, trail = await _drawn(tmp_path / "g", painting, n=2)
    assert status == 200
    assert [entry["moderation"]["index"] for entry in answer["data"]] == [0]
    assert "could not be made" in answer["moderation"]["withheld"][0]["reason"]
    failed = [record for record in trail if record["stage"] == "generate"][-1]
    assert failed["error"] == {"class": "GenerationFailed"}
    assert failed["images"] == {"total": 0}


async def test_nothing_is_drawn_anew_without_the_time_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When another drawing would not fit the request's time, the clean pictures still leave."""
    monkeypatch.setattr("gateway.pipeline.image_stage._SPARE", 1e9)  # no drawing is that quick
    painting = Drafts((CLEAN, VIOLENT))
    status, answer, _ = await _drawn(tmp_path / "g", painting, n=2)
    assert status == 200
    assert len(painting.requests) == 1
    assert answer["moderation"]["withheld"][0]["action"] == "block"


@pytest.mark.parametrize(
    ("parameters", "guidance", "expected"),
    [
        ({"seed"}, None, None),
        ({"seed", "negative_prompt", "guidance_scale"}, 1.0, None),
        ({"seed", "negative_prompt", "guidance_scale"}, 3.0, AVOID["violence"]),
    ],
)
async def test_a_negative_prompt_is_sent_only_where_it_acts(
    tmp_path: Path, parameters: set[str], guidance: float | None, expected: str | None
) -> None:
    """A backend without negative prompts, or whose guidance switches them off, gets a new seed alone."""
    fields = {} if guidance is None else {"guidance_scale": guidance}
    painting = Drafts((VIOLENT,), (CLEAN,))
    painting.card = GeneratorCard(
        "painting", painting.card.identity, (64, 64), parameters=frozenset(parameters)
    )
    status, _, _ = await _drawn(tmp_path / "g", painting, **fields)
    assert status == 200
    assert painting.requests[1].negative_prompt == expected


@pytest.mark.parametrize(
    ("given", "default", "status"),
    [
        (0.0, None, 400),  # draws the negative prompt alone
        (0.5, None, 400),  # draws half of it
        (1.0, None, 400),  # ignores it
        (1.01, None, 200),
        (None, 1.0, 400),
        (None, 0.0, 400),
        (None, 7.0, 200),
        (None, None, 200),  # an upstream that keeps its default to itself
        (3.0, 1.0, 200),
    ],
)
async def test_a_negative_prompt_is_never_drawn(
    tmp_path: Path, given: float | None, default: float | None, status: int
) -> None:
    """Whatever the backend, guidance of 1 or less refuses it by field, and nothing is judged or drawn."""
    fields = {} if given is None else {"guidance_scale": given}
    painting = Painting()
    painting.card = dataclasses.replace(painting.card, default_guidance=default)
    async with scripted_gateway(tmp_path / "g", painting=painting) as scripted:
        answer = await scripted.http.post(
            "/v1/images/generations",
            json={"prompt": "a red apple", "negative_prompt": "a worm", **fields},
            headers={"x-request-id": "r1"},
        )
        stages = [record["stage"] for record in scripted.trail("r1")]
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["error"]["param"] == "negative_prompt"
        assert "guidance_scale" in answer.json()["error"]["message"]
        assert (stages, painting.requests) == (["outcome"], [])


async def test_a_classifier_that_names_what_it_saw_is_heard(tmp_path: Path) -> None:
    """The negative prompt holds the concept of the evidence, not the category's general words."""

    def naming(_batch: Any, answers: Any) -> Any:
        return [
            [
                Signal(s.category, s.score, s.classifier, s.revision, concept=f"a {s.category} knife")
                for s in one
            ]
            for one in answers
        ]

    painting = Drafts((VIOLENT,), (CLEAN,))
    async with scripted_gateway(
        tmp_path / "g", painting=painting, policy=ANEW, looks=Looks(naming)
    ) as scripted:
        assert (await scripted.draw("a red apple")).status_code == 200
    assert painting.requests[1].negative_prompt == "a violence knife"


async def test_a_classifier_that_failed_open_covers_nothing_of_that_picture(tmp_path: Path) -> None:
    """With a classifier missing, its categories are uncovered, though it was planned."""
    two = ANEW.replace(
        "      - {name: looks, timeout_ms: 20000, on_failure: block}\n",
        "      - {name: looks, timeout_ms: 20000, on_failure: block}\n"
        "      - {name: gone, timeout_ms: 20000, on_failure: allow, reason: tests, until: 2999-01-01}\n",
    )

    class Gone(Looks):
        def __init__(self) -> None:
            super().__init__()
            self.card = dataclasses.replace(self.card, name="gone", categories=frozenset({"illicit"}))

        def classify(self, batch: Any) -> Any:
            raise RuntimeError

    async with scripted_gateway(tmp_path / "g", policy=two, more=[Gone()]) as scripted:
        images = (await scripted.draw("a red apple")).json()["moderation"]["images"]
        planned = scripted.gateway.policies.get(None).coverage
    assert "illicit" in images["uncovered"]
    assert any("illicit" in seen for coverage in planned.values() for seen in coverage.by_classifier.values())
    assert images["classifiers"] == ["looks"]


class Cues(Words):
    """Also measures whether a text speaks of a minor."""

    def __init__(self) -> None:
        super().__init__()
        self.card = dataclasses.replace(self.card, categories=self.card.categories | {"minor"})

    def classify(self, batch: Sequence[str]) -> Sequence[Sequence[Signal]]:
        cues = [Signal("minor", 0.9 if "playground" in text else 0.0, "words", "1") for text in batch]
        return [[*found, cue] for found, cue in zip(super().classify(batch), cues, strict=True)]


class Faintly(Looks):
    """Scores every picture low on `sexual`: above the lock's edge, below the policy's rules."""

    def classify(self, batch: Sequence[Any]) -> Sequence[Sequence[Signal]]:
        return [[Signal("sexual", 0.4, "looks", "1")] for _ in batch]


async def test_a_prompts_cue_for_a_minor_goes_with_its_pictures(tmp_path: Path) -> None:
    """What neither prompt nor picture shows alone is locked together, in previews too, and on record."""
    async with scripted_gateway(tmp_path / "g", words=Cues(), looks=Faintly()) as scripted:
        assert (await scripted.draw("a red apple")).status_code == 200
        body = {"prompt": "a playground in the park", "stream": True, "partial_images": 1}
        answer = await scripted.http.post(
            "/v1/images/generations", json=body, headers={"x-request-id": "locked"}
        )
        assert '"moderation_blocked"' in answer.text
        assert '"sexual/minors"' in answer.text
        records = [record for record in scripted.trail("locked") if record["stage"] == "image"]
        assert {record["image"]["preview"] for record in records} == {True, False}
        for record in records:
            assert [rule["id"] for rule in record["rules"]] == ["locked/sexual-with-minor"]
            assert record["carried"] == [["words", "1", "original", "minor", 900_000]]
        first = next(record for record in scripted.trail("locked") if record["stage"] == "prompt")
        assert (first["action"], "carried" in first) == ("allow", False)


async def test_the_parts_of_a_moderation_are_seen_together(tmp_path: Path) -> None:
    """A text's cue counts for the picture of the same input, and for no other input."""
    async with scripted_gateway(tmp_path / "g", words=Cues(), looks=Faintly()) as scripted:
        picture = f"data:image/png;base64,{base64.b64encode(_grey()).decode()}"

        async def flagged(text: str) -> tuple[bool, bool]:
            parts = [
                {"type": "text", "text": text},
                {"type": "image_url", "image_url": {"url": picture}},
            ]
            answer = await scripted.http.post("/v1/moderations", json={"input": parts})
            (entry,) = answer.json()["results"]
            return entry["flagged"], entry["categories"]["sexual/minors"]

        assert await flagged("a playground in the park") == (True, True)
        assert await flagged("a red apple") == (False, False)


def _grey() -> bytes:
    return encode(np.full((64, 64, 3), 128, np.uint8), OutputFormat.PNG)
