"""The pipeline on scripted models: what happens in which order, and what never happens."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.gateway import POLICY, Looks, Painting, Rewriting, Words, all_values, scripted_gateway

from classifiers.taxonomy import PICTURED_CATEGORIES
from gateway.core.outcomes import PartialImage
from gateway.core.ports import Generated, GenerationEvent, GenerationRequest, Picture
from gateway.core.requests import Caller, ImageRequest, OutputFormat
from gateway.imaging.encode import encode
from gateway.imaging.perceptual import perceptual_hash


def _request(prompt: str = "a red apple", **fields: Any) -> ImageRequest:
    given: dict[str, Any] = {"n": 1, "width": 64, "height": 64, "seed": 5, **fields}
    return ImageRequest("request-1", Caller(), prompt, "painting", **given)


def _pixels(b64: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(b64))).convert("RGB"))


def _stages(trail: list[Any]) -> list[str]:
    return [record["stage"] for record in trail]


async def test_an_allowed_prompt_is_judged_drawn_judged_and_delivered(tmp_path: Path) -> None:
    """The records of a plain request are its four stages, in order, and the outcome names the others."""
    async with scripted_gateway(tmp_path / "g") as scripted:
        answer = await scripted.http.post(
            "/v1/images/generations", json={"prompt": "a red apple"}, headers={"x-request-id": "r1"}
        )
        trail = scripted.trail("r1")
    assert answer.status_code == 200
    assert _stages(trail) == ["prompt", "generate", "image", "outcome"]
    assert trail[-1]["records"] == [record["id"] for record in trail[:-1]]
    assert (trail[-1]["images"]["inspected"], trail[-1]["images"]["total"]) == (1, 1)
    out = trail[-1]["out"][0]
    assert out["mime"] == "image/png"
    assert out["perceptual_hash"] == perceptual_hash(_pixels(answer.json()["data"][0]["b64_json"]))


async def test_no_prompt_is_public(tmp_path: Path) -> None:
    """No public part of a record holds any of the prompt, rewritten or not."""
    async with scripted_gateway(tmp_path / "g") as scripted:
        await scripted.http.post(
            "/v1/images/generations",
            json={"prompt": "a rude zebra", "negative_prompt": "stripes"},
            headers={"x-request-id": "r1"},
        )
        words = [value for value in all_values(scripted.trail("r1")) if isinstance(value, str)]
    assert not [word for word in words if "zebra" in word or "stripes" in word]


async def test_a_blocked_prompt_never_reaches_the_backend(tmp_path: Path) -> None:
    """A block on the prompt ends the request before anything is drawn."""
    painting = Painting()
    async with scripted_gateway(tmp_path / "g", painting=painting) as scripted:
        answer = await scripted.draw("a violent scene")
    assert answer.status_code == 400
    assert answer.json()["error"]["moderation_details"] == {
        "moderation_stage": "input",
        "categories": ["violence"],
    }
    assert painting.requests == []


async def test_a_held_prompt_has_its_own_code(tmp_path: Path) -> None:
    """A hold withholds like a block, under a code of its own."""
    async with scripted_gateway(tmp_path / "g") as scripted:
        answer = await scripted.draw("an unsure scene")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "moderation_held")


async def test_a_rewrite_is_judged_and_drawn_instead(tmp_path: Path) -> None:
    """The backend gets the judged rewrite, and the rewriter only what was found."""
    painting, rewriting = Painting(), Rewriting()
    async with scripted_gateway(tmp_path / "g", painting=painting, rewriter=rewriting) as scripted:
        answer = await scripted.http.post(
            "/v1/images/generations", json={"prompt": "a rude zebra"}, headers={"x-request-id": "r1"}
        )
        trail = scripted.trail("r1")
    assert answer.json()["data"][0]["revised_prompt"] == "a zebra"
    assert painting.requests[0].prompt == "a zebra"
    assert rewriting.requests[0].categories == ("profanity",)
    assert _stages(trail) == ["prompt", "rewrite", "prompt-recheck", "generate", "image", "outcome"]


async def test_a_rewrite_that_a_block_rule_hits_ends_at_once(tmp_path: Path) -> None:
    """A rewriter that makes it worse gets no second attempt."""
    rewriting = Rewriting(lambda _: "a violent rude zebra")
    async with scripted_gateway(tmp_path / "g", rewriter=rewriting) as scripted:
        answer = await scripted.draw("a rude zebra")
    assert answer.status_code == 400
    assert "still offends" in answer.json()["error"]["message"]
    assert len(rewriting.requests) == 1


async def test_a_second_attempt_works_on_the_first_rewrite(tmp_path: Path) -> None:
    """While the rewrite is still rewritable, the next attempt gets it."""
    answers = ["a rude striped zebra", "a striped zebra"]
    rewriting = Rewriting(lambda request: answers[request.attempt])
    async with scripted_gateway(tmp_path / "g", rewriter=rewriting) as scripted:
        answer = await scripted.draw("a rude zebra")
    assert answer.json()["data"][0]["revised_prompt"] == "a striped zebra"
    assert [request.prompt for request in rewriting.requests] == ["a rude zebra", "a rude striped zebra"]


async def test_one_bad_picture_of_four_is_named(tmp_path: Path) -> None:
    """Three of four pictures leave, and the fourth is named with its categories."""
    async with scripted_gateway(tmp_path / "g", painting=Painting(marks=(0, 0, 1, 0))) as scripted:
        answer = (await scripted.draw("a red apple", n=4)).json()
    assert len(answer["data"]) == 3
    withheld = answer["moderation"]["withheld"]
    assert [(one["index"], one["categories"]) for one in withheld] == [(2, ["sexual"])]


async def test_no_picture_is_left_when_all_are_bad(tmp_path: Path) -> None:
    """A block at the image stage is an output block, after generation."""
    async with scripted_gateway(tmp_path / "g", painting=Painting(marks=(1,))) as scripted:
        answer = await scripted.draw("a red apple", n=2)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "moderation_blocked")
    assert error["moderation_details"]["moderation_stage"] == "output"


async def test_a_redacted_picture_leaves_blurred(tmp_path: Path) -> None:
    """`redact` delivers a picture that keeps nothing of its detail."""
    painting = Painting(marks=(2,))
    async with scripted_gateway(tmp_path / "g", painting=painting) as scripted:
        answer = (await scripted.draw("a red apple")).json()
    shown = _pixels(answer["data"][0]["b64_json"])
    assert answer["data"][0]["moderation"]["action"] == "redact"
    assert shown[0, 0, 0] != 2


async def test_previews_are_judged_and_the_bad_ones_blurred(tmp_path: Path) -> None:
    """A preview that is not plainly allowed is shown blurred; every preview's decision is on record."""
    events = []

    async def emit(event: Any) -> None:
        events.append(event)

    async with scripted_gateway(tmp_path / "g", painting=Painting(marks=(0, 1))) as scripted:
        await scripted.gateway.generate(_request(n=2, partial_images=1), emit)
        trail = scripted.trail("request-1")
    partials = [event for event in events if isinstance(event, PartialImage)]
    assert [(partial.index, partial.blurred) for partial in partials] == [(0, False), (1, True)]
    previews = [record for record in trail if record.get("image", {}).get("preview")]
    assert len(previews) == 2


async def test_a_listener_that_leaves_stops_the_drawing(tmp_path: Path) -> None:
    """Cancelling stops the backend within a step, and the trail is closed as cancelled."""
    painting = Painting(step_s=0.05, steps=100)
    async with scripted_gateway(tmp_path / "g", painting=painting, request_timeout_s=30) as scripted:
        task = asyncio.create_task(scripted.gateway.generate(_request()))
        while painting.steps_done < 2:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        done = painting.steps_done
        await asyncio.sleep(0.15)
        await asyncio.to_thread(scripted.gateway._parts.log.close)
        trail = scripted.trail("request-1")
    assert painting.steps_done <= done + 1
    assert painting.closed == 1
    assert trail[-1]["outcome"] == "cancelled"


async def test_a_normalised_view_counts(tmp_path: Path) -> None:
    """A word with zero-width characters inside is found normalised; both views are on record."""
    async with scripted_gateway(tmp_path / "g") as scripted:
        answer = await scripted.http.post(
            "/v1/images/generations", json={"prompt": "a vi\u200bolent scene"}, headers={"x-request-id": "r1"}
        )
        views = {score[2] for score in scripted.trail("r1")[0]["scores"]}
    assert answer.status_code == 400
    assert {"original", "normalised"} <= views


async def test_a_skipped_image_stage_says_so(tmp_path: Path) -> None:
    """Without an image stage the pictures leave, and the coverage says that none was inspected."""
    head, _, _ = POLICY.partition("  image:\n")
    skipping = head + "  image:\n    skip: {reason: tests of coverage, date: 2026-11-23}\n"
    async with scripted_gateway(tmp_path / "g", policy=skipping) as scripted:
        answer = (await scripted.draw("a red apple")).json()
    images = answer["moderation"]["images"]
    assert (images["total"], images["inspected"], images["classifiers"]) == (1, 0, [])
    assert set(images["uncovered"]) == {*PICTURED_CATEGORIES, "text-in-picture"}


@pytest.mark.parametrize(("compression", "own"), [(None, True), (100, True), (30, False)])
async def test_an_unseen_upstream_picture_is_still_compressed_as_asked(
    compression: int | None, own: bool, tmp_path: Path
) -> None:
    """Where nobody judges pictures, an upstream's own bytes leave only if nothing else was asked for."""
    sent = encode(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8), OutputFormat.JPEG)

    async def draw(_request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        yield Generated((Picture(encoded=sent, mime="image/jpeg"),))

    skipping = POLICY.partition("  image:\n")[0] + "  image:\n    skip: {reason: tests, date: 2026-11-23}\n"
    fields = {"output_format": "jpeg"} | ({} if compression is None else {"output_compression": compression})
    async with scripted_gateway(tmp_path / "g", policy=skipping, painting=Painting(fault=draw)) as scripted:
        answer = await scripted.draw("a red apple", **fields)
    content = base64.b64decode(answer.json()["data"][0]["b64_json"])
    assert (content == sent) is own
    assert own or len(content) < len(sent) / 2


async def test_seeds_count_up_and_parameters_arrive(tmp_path: Path) -> None:
    """The i-th picture has seed + i, and what the client asked for reaches the backend."""
    painting = Painting()
    async with scripted_gateway(tmp_path / "g", painting=painting) as scripted:
        await scripted.draw("a red apple", n=3, seed=7, negative_prompt="a worm", num_inference_steps=2)
    request = painting.requests[0]
    assert request.seeds == (7, 8, 9)
    assert (request.negative_prompt, request.steps) == ("a worm", 2)


async def test_a_classifier_that_recovers_serves_again(tmp_path: Path) -> None:
    """A classifier that raised once answers the next request; nothing stays broken."""
    broken = [True]

    def once(_batch: Any, answers: Any) -> Any:
        if broken.pop() if broken else False:
            raise RuntimeError
        return answers

    async with scripted_gateway(tmp_path / "g", words=Words(once), looks=Looks()) as scripted:
        statuses = [(await scripted.draw("a red apple")).status_code for _ in range(2)]
    assert statuses == [503, 200]


async def test_a_backend_gets_an_id_of_the_tenants_own(tmp_path: Path) -> None:
    """Two tenants that chose the same request id, or one that names another's redrawing, share none."""
    painting = Painting()
    async with scripted_gateway(tmp_path / "g", painting=painting) as scripted:
        for tenant, request_id in (("acme", "mine"), ("shop", "mine"), ("acme", "mine.1")):
            request = replace(_request(), id=request_id, caller=Caller(tenant))
            await scripted.gateway.generate(request)
    assert [request.request_id for request in painting.requests] == ["acme/mine", "shop/mine", "acme/mine.1"]


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
async def test_control_syntax_reaches_no_backend_that_reads_it(tmp_path: Path, field: str) -> None:
    """A block of server parameters is a 400 that names field and fix, before anything is judged or drawn."""
    painting = Painting()
    painting.card = replace(painting.card, refused_syntax=frozenset({"sd-cpp-args"}))
    given = {"prompt": "a red apple", field: 'a red apple <sd_cpp_extra_args>{"seed": 1}</sd_cpp_extra_args>'}
    async with scripted_gateway(tmp_path / "g", painting=painting) as scripted:
        answer = await scripted.http.post(
            "/v1/images/generations", json=given, headers={"x-request-id": "r1"}
        )
        stages = _stages(scripted.trail("r1"))
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, field)
    assert "take it out" in error["message"]
    assert "prompt" not in stages
    assert painting.requests == []


async def test_a_rewrite_is_no_way_round(tmp_path: Path) -> None:
    """What a rewriter adds is looked at as well: nothing is drawn from it."""
    painting = Painting()
    painting.card = replace(painting.card, refused_syntax=frozenset({"extra-networks"}))
    adding = Rewriting(lambda request: "a zebra <lora:style:1>")
    async with scripted_gateway(tmp_path / "g", painting=painting, rewriter=adding) as scripted:
        answer = await scripted.http.post("/v1/images/generations", json={"prompt": "a rude zebra"})
    assert answer.status_code == 400
    assert painting.requests == []
