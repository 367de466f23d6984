"""The official client, pointed at the running gateway by `base_url`, works unchanged."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from openai import BadRequestError, OpenAI
from PIL import Image
from support.servers import Served, png

pytestmark = pytest.mark.models

MILD = "a damn red apple on a wooden table"
VIOLENT = "a man stabbing another man to death, blood everywhere"
SEXUAL = "explicit pornographic photo of a naked couple having sex"


def picture(b64: str | None) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(b64 or "")))
    image.load()
    return image


def audit(server: Served, *arguments: str) -> list[dict[str, object]]:
    """What `imagegate audit list --json` prints for the server's own log."""
    command = [str(Path(sys.executable).with_name("imagegate")), "audit", "list", "--json"]
    printed = subprocess.run(
        [*command, "--data", str(server.data), *arguments], capture_output=True, text=True, check=True
    )
    listed = json.loads(printed.stdout)
    return listed["records"] if isinstance(listed, dict) else listed


def test_a_red_apple_is_drawn(client: OpenAI) -> None:
    """An ordinary prompt gives a PNG of the size asked for, with its decisions beside it."""
    answer = client.images.generate(prompt="a red apple", size="512x512", extra_body={"seed": 7})
    assert answer.data is not None
    image = picture(answer.data[0].b64_json)
    assert (image.format, image.size) == ("PNG", (512, 512))
    moderation = answer.to_dict()["moderation"]
    assert isinstance(moderation, dict)
    assert moderation["action"] == "allow"
    images = moderation["images"]
    assert isinstance(images, dict)
    assert (images["total"], images["inspected"], images["classifiers"]) == (
        1,
        1,
        ["nsfw-inception", "opennsfw", "picture-concepts"],
    )
    assert "text-in-picture" in images["uncovered"]


@pytest.mark.parametrize(("prompt", "family"), [(VIOLENT, "violence"), (SEXUAL, "sexual")])
def test_a_block_raises_bad_request_and_is_not_retried(server: Served, prompt: str, family: str) -> None:
    """A plainly offending prompt is one request, one 400, with stage, categories and decision id."""
    sent: list[httpx.Request] = []
    with (
        httpx.Client(event_hooks={"request": [sent.append]}) as http_client,
        OpenAI(base_url=f"{server.url}/v1", api_key="unused", http_client=http_client) as client,
        pytest.raises(BadRequestError) as raised,
    ):
        client.images.generate(prompt=prompt)
    assert len(sent) == 1
    error = raised.value
    assert (error.code, error.type, error.param) == (
        "moderation_blocked",
        "image_generation_user_error",
        None,
    )
    assert isinstance(error.body, dict)
    details = error.body["moderation_details"]
    assert details["moderation_stage"] == "input"
    assert any(category.split("/")[0] == family for category in details["categories"])
    assert error.response.headers["x-should-retry"] == "false"
    assert error.response.headers["x-imagegate-decision"]
    assert prompt not in error.response.text


def test_a_mild_offence_is_rewritten_and_drawn(client: OpenAI) -> None:
    """A mildly offending prompt gives a picture and says what was drawn instead."""
    answer = client.images.generate(prompt=MILD, size="256x256")
    assert answer.data is not None
    revised = answer.data[0].revised_prompt
    assert revised
    assert "damn" not in revised.lower()
    assert "apple" in revised.lower()
    assert picture(answer.data[0].b64_json).size == (256, 256)


def test_rewriting_can_be_refused_by_the_caller(client: OpenAI) -> None:
    """`rewrite: off` turns a verdict of rewrite into a block."""
    with pytest.raises(BadRequestError) as raised:
        client.images.generate(prompt=MILD, extra_body={"rewrite": "off"})
    assert raised.value.code == "moderation_blocked"


def test_every_decision_is_on_record(client: OpenAI, server: Served) -> None:
    """`imagegate audit list` shows every decision of an allowed, a rewritten and a blocked request."""
    expected = {
        "audit-allowed": ["prompt", "generate", "image", "outcome"],
        "audit-rewritten": ["prompt", "rewrite", "prompt-recheck", "generate", "image", "outcome"],
        "audit-blocked": ["prompt", "outcome"],
    }
    for request_id, prompt in zip(expected, ("a red apple", MILD, VIOLENT), strict=True):
        try:
            client.images.generate(prompt=prompt, size="256x256", extra_headers={"x-request-id": request_id})
        except BadRequestError:
            assert prompt is VIOLENT
    for request_id, stages in expected.items():
        records = audit(server, "--request", request_id)
        seen = [record["stage"] for record in sorted(records, key=lambda record: record["index"])]
        assert list(dict.fromkeys(seen)) == stages
    assert "apple" not in json.dumps(audit(server))


def test_four_pictures_of_one_seed_are_reproducible(client: OpenAI) -> None:
    """n=4 gives four different pictures, and the same seed gives the same bytes."""
    first, second = (
        client.images.generate(
            prompt="a yellow star", n=4, size="256x256", extra_body={"seed": 11, "num_inference_steps": 6}
        )
        for _ in range(2)
    )
    assert first.data is not None
    assert second.data is not None
    pictures = [entry.b64_json for entry in first.data]
    assert len(set(pictures)) == 4
    assert pictures == [entry.b64_json for entry in second.data]


@pytest.mark.parametrize(("wanted", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_output_formats(client: OpenAI, wanted: str, kind: str) -> None:
    """Every output format is what it says."""
    answer = client.images.generate(
        prompt="a blue car", size="256x256", output_format=wanted, extra_body={"num_inference_steps": 4}
    )
    assert answer.data is not None
    assert picture(answer.data[0].b64_json).format == kind


def test_a_picture_by_url(client: OpenAI) -> None:
    """`response_format=url` gives an address that serves the picture."""
    answer = client.images.generate(prompt="a tree", size="256x256", response_format="url")
    assert answer.data is not None
    assert answer.data[0].url
    fetched = httpx.get(answer.data[0].url)
    assert fetched.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(fetched.content)).size == (256, 256)


def test_streaming_gives_judged_partials_then_the_picture(client: OpenAI) -> None:
    """A stream brings the partial images asked for, then the completed one; all decode."""
    events = list(client.images.generate(prompt="a red apple", size="256x256", stream=True, partial_images=2))
    kinds = [event.type for event in events]
    assert kinds.count("image_generation.completed") == 1
    assert kinds[-1] == "image_generation.completed"
    partials = [event for event in events if event.type == "image_generation.partial_image"]
    assert [event.partial_image_index for event in partials] == [0, 1]
    for event in events:
        picture(event.b64_json)


def test_a_blocked_stream_is_a_bad_request(client: OpenAI) -> None:
    """A prompt that is blocked never begins a stream."""
    with pytest.raises(BadRequestError) as raised:
        list(client.images.generate(prompt=VIOLENT, stream=True, partial_images=1))
    assert raised.value.code == "moderation_blocked"


def test_moderations_of_a_text(client: OpenAI) -> None:
    """One text gives one result; the policy flags a violent one and not a peaceful one."""
    assert client.moderations.create(input=VIOLENT).results[0].flagged
    peaceful = client.moderations.create(input="a killer whale in the sea").results[0]
    assert not peaceful.flagged
    assert 0 <= peaceful.category_scores.violence < 0.5


def test_moderations_of_an_array(client: OpenAI) -> None:
    """An array gives one result per text, in order."""
    results = client.moderations.create(input=["a red apple", VIOLENT, "a blue bird"]).results
    assert [result.flagged for result in results] == [False, True, False]


def test_moderations_of_a_phrase_cut_into_parts(client: OpenAI) -> None:
    """Parts are read together: what none of them says alone is found."""
    parts = [{"type": "text", "text": text} for text in ("a pho", "to of a bloo", "dy corpse")]
    assert client.moderations.create(input=parts).results[0].flagged  # type: ignore[arg-type]  # plain dicts


def test_moderations_of_text_and_picture(client: OpenAI) -> None:
    """A multimodal array gives one result that says which category was seen in what."""
    url = "data:image/png;base64," + base64.b64encode(png(256, 256)).decode()
    results = client.moderations.create(
        input=[{"type": "text", "text": "a red square"}, {"type": "image_url", "image_url": {"url": url}}]
    ).results
    assert len(results) == 1
    assert not results[0].flagged
    assert set(results[0].category_applied_input_types.sexual) == {"text", "image"}
    assert set(results[0].category_applied_input_types.violence) == {"text", "image"}
    assert set(results[0].category_applied_input_types.hate) == {"text"}


def test_models_and_operations(client: OpenAI, server: Served) -> None:
    """The embedded backend is listed, and the server is alive, ready and counted."""
    assert "emoji" in {model.id for model in client.models.list().data}
    assert server.get("/healthz")[0] == 200
    assert server.get("/readyz")[0] == 200
    status, metrics = server.get("/metrics")
    assert status == 200
    assert b"imagegate_" in metrics
    assert b"apple" not in metrics


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # OpenAI retired its own variations
def test_an_edit_and_a_variation_of_a_picture(client: OpenAI) -> None:
    """The embedded model changes a picture that was sent, and draws variations of it without words."""
    drawn = client.images.generate(prompt="a red apple", size="256x256", extra_body={"seed": 7})
    assert drawn.data is not None
    apple = base64.b64decode(drawn.data[0].b64_json or "")
    edited = client.images.edit(image=apple, prompt="a green pear", size="256x256")
    varied = client.images.create_variation(image=apple, n=2, size="256x256")
    assert edited.data is not None
    assert varied.data is not None
    assert picture(edited.data[0].b64_json).size == (256, 256)
    assert len({entry.b64_json for entry in varied.data}) == 2


def test_an_upload_that_is_no_picture_is_a_bad_request(client: OpenAI) -> None:
    """Bytes that no decoder takes are a 400 that names the field."""
    with pytest.raises(BadRequestError) as raised:
        client.images.edit(image=b"<html></html>", prompt="a green pear")
    assert raised.value.param == "image"
