"""`POST /v1/moderations` over a scripted service."""

from __future__ import annotations

import base64

import httpx
import pytest
from support.service import PNG, ScriptedService, decision

from classifiers.signals import Findings, Modality, Signal
from classifiers.taxonomy import OPENAI_CATEGORIES
from gateway.api import schemas
from gateway.api.moderation_request import MAX_IMAGES, MAX_INPUTS
from gateway.core.moderation_types import Moderation
from gateway.imaging.decode import DecodeLimits
from policies.decision import Action, Severity, Stage

PATH = "/v1/moderations"


def data_url(content: bytes = PNG) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def picture(url: str) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}}


async def test_results_follow_the_inputs(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """An array of texts gives one result each, in order; every map has the thirteen keys."""
    service.moderation = lambda one: Moderation(
        ((Modality.TEXT, decision(Action.BLOCK if "bad" in one.texts[0] else Action.ALLOW)),)
    )
    response = await client.post(PATH, json={"input": ["good", "bad", "good"]})

    assert response.status_code == 200
    body = response.json()
    schemas.ModerationsResponse.model_validate(body)
    assert [entry["flagged"] for entry in body["results"]] == [False, True, False]
    for entry in body["results"]:
        for name in ("categories", "category_scores", "category_applied_input_types"):
            assert list(entry[name]) == list(OPENAI_CATEGORIES)
            assert len(entry[name]) == 13
    assert body["model"] == "imagegate/default@ab12cd34"
    assert response.headers["x-imagegate-policy"] == "default@ab12cd34"


async def test_a_child_counts_for_its_parent(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """A hit in a sub-category makes the parent true, with the child's score, and never the reverse."""
    service.moderation = lambda _: Moderation(
        ((Modality.TEXT, decision(Action.BLOCK, category="violence/graphic", score=0.91)),)
    )
    (entry,) = (await client.post(PATH, json={"input": "x"})).json()["results"]
    assert (entry["categories"]["violence"], entry["categories"]["violence/graphic"]) == (True, True)
    assert entry["category_scores"]["violence"] == 0.91
    service.moderation = lambda _: Moderation(
        ((Modality.TEXT, decision(Action.BLOCK, category="violence", score=0.7)),)
    )
    (entry,) = (await client.post(PATH, json={"input": "x"})).json()["results"]
    assert (entry["categories"]["violence"], entry["categories"]["violence/graphic"]) == (True, False)
    assert entry["category_scores"]["violence/graphic"] == 0.0


@pytest.mark.parametrize(
    ("severity", "true"), [(Severity.LOW, False), (Severity.MEDIUM, True), (Severity.HIGH, True)]
)
async def test_medium_severity_makes_a_category_true(
    client: httpx.AsyncClient, service: ScriptedService, severity: Severity, true: bool
) -> None:
    """Without a rule, a category is true from `medium` on, while `flagged` follows the policy alone."""
    service.moderation = lambda _: Moderation(((Modality.TEXT, decision(severities={"hate": severity})),))
    (entry,) = (await client.post(PATH, json={"input": "x"})).json()["results"]
    assert entry["categories"]["hate"] is true
    assert entry["flagged"] is False


async def test_applied_types_say_who_really_looked(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """A category that no classifier covers has no input type; own categories lie under our key."""
    found = decision(
        severities={"custom/logo": Severity.LOW},
        findings=Findings((Signal("hate", 0.2, "words", "1"),), inspected_by=("words",)),
    )
    service.moderation = lambda _: Moderation(
        ((Modality.TEXT, found), (Modality.IMAGE, decision(stage=Stage.IMAGE))),
        {Modality.TEXT: frozenset({"hate", "violence"}), Modality.IMAGE: frozenset({"violence/graphic"})},
    )
    (entry,) = (await client.post(PATH, json={"input": "x"})).json()["results"]
    applied = entry["category_applied_input_types"]
    assert applied["hate"] == ["text"]
    assert applied["violence"] == ["text", "image"]
    assert applied["violence/graphic"] == ["image"]
    assert applied["sexual"] == []
    assert entry["category_scores"]["hate"] == 0.2
    assert entry["moderation"]["severities"] == {"custom/logo": "low"}


async def test_sexual_content_with_a_minor_scores_as_the_weaker_of_the_two(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """What the lock makes of a text's cue and a picture's score has a score and an input type itself."""
    cue, seen = Signal("minor", 0.9, "cues", "1"), Signal("sexual", 0.4, "looks", "1")
    service.moderation = lambda _: Moderation(
        (
            (Modality.TEXT, decision(findings=Findings((cue,), inspected_by=("cues",)))),
            (Modality.IMAGE, decision(findings=Findings((seen,), (), ("looks",), (cue,)))),
        ),
        {Modality.TEXT: frozenset({"minor"}), Modality.IMAGE: frozenset({"sexual"})},
    )
    (entry,) = (await client.post(PATH, json={"input": "x"})).json()["results"]
    assert entry["category_scores"]["sexual/minors"] == 0.4
    assert entry["category_applied_input_types"]["sexual/minors"] == ["image"]


async def test_parts_are_one_input(client: httpx.AsyncClient, service: ScriptedService) -> None:
    """Texts and pictures of one array are judged together and give one result."""
    sent = [{"type": "text", "text": "a"}, picture(data_url()), {"type": "text", "text": "b"}]
    response = await client.post(PATH, json={"input": sent})
    assert len(response.json()["results"]) == 1
    (inputs, _, _) = service.moderated[0]
    assert (inputs[0].texts, inputs[0].images) == (("a", "b"), (PNG,))


@pytest.mark.parametrize(
    "sent",
    [
        "",
        [],
        None,
        7,
        {"a": 1},
        [7],
        ["a", 7],
        ["a", {"type": "text", "text": "b"}],
        [{"type": "text", "text": "b"}, "a"],
        ["a"] * (MAX_INPUTS + 1),
        ["x" * 32_001],
        [""],
        [{"type": "text"}],
        [{"type": "sound", "text": "a"}],
        [{"type": "text", "text": "a", "extra": 1}],
        [picture("https://example.com/SECRET.png")],
        [picture("http://169.254.169.254/SECRET")],
        [picture("file:///SECRET")],
        [picture("data:image/svg+xml;base64,SECRET")],
        [picture("data:image/png;base64,SECRET!")],
        [picture("data:image/png;base64,SECRETé")],
        [picture("data:image/png;base64,")],
        [picture("")],
        [picture(data_url())] * (MAX_IMAGES + 1),
    ],
)
async def test_a_wrong_input_is_refused_without_echo(
    client: httpx.AsyncClient, service: ScriptedService, sent: object
) -> None:
    """Any other form of input is a 400 about `input`; nothing is judged, fetched or repeated."""
    response = await client.post(PATH, json={"input": sent})
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"].startswith("input")
    assert "SECRET" not in response.text
    assert service.moderated == []


@pytest.mark.parametrize(
    ("sent", "param", "words"),
    [
        ("", "input", "must not be empty"),
        ([], "input", "must not be empty"),
        (["a", ""], "input.1", "must not be empty"),
        (["a"] * (MAX_INPUTS + 1), "input", "must have at most 32 items"),
        ([[1, 2]], "input.0", "must be a part of type text or image_url"),
        ([{"type": "sound"}], "input.0", "must be a part of type text or image_url"),
        ([{"type": ["text"]}], "input.0", "must be a part of type text or image_url"),
        ([{"type": "text"}], "input.0.text", "is required"),
        ([{"type": "image_url", "image_url": "x"}], "input.0.image_url", "must be an object"),
        ([{"type": "text", "text": "a", "[x]": 1}], "input.0.[x]", "Unknown parameter"),
    ],
)
async def test_the_place_is_as_it_was_sent(
    client: httpx.AsyncClient, sent: object, param: str, words: str
) -> None:
    """`param` is a path into the caller's own body, without a name that only our model has."""
    error = (await client.post(PATH, json={"input": sent})).json()["error"]
    assert error["param"] == param
    assert words in error["message"]


async def test_every_format_that_is_decoded_can_be_sent(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """The data URL's allow-list is the decoder's."""
    for form in DecodeLimits().formats:
        url = data_url().replace("image/png", f"image/{form}")
        assert (await client.post(PATH, json={"input": [picture(url)]})).status_code == 200


async def test_a_picture_over_the_cap_is_413(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cap on one picture holds before its base64 is decoded."""
    monkeypatch.setattr("gateway.api.moderation_request.MAX_IMAGE_BYTES", 100)
    response = await client.post(PATH, json={"input": [picture(data_url(b"x" * 200))]})
    assert response.status_code == 413


async def test_an_unknown_model_is_refused(client: httpx.AsyncClient) -> None:
    """A model that would be ignored is a 400 that lists those which mean something."""
    response = await client.post(PATH, json={"input": "x", "model": "gpt-9"})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "model"
    assert "omni-moderation-latest" in response.json()["error"]["message"]


async def test_a_missing_measurement_is_no_answer(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    """A decision that only failed closed, and a missing answer, are 503, never `flagged`."""
    service.moderation = lambda _: Moderation(((Modality.TEXT, decision(Action.BLOCK, failed_closed=True)),))
    assert (await client.post(PATH, json={"input": "x"})).status_code == 503

    async def too_few(*_: object, **__: object) -> tuple[Moderation, ...]:
        return ()

    service.moderate = too_few  # type: ignore[method-assign]
    assert (await client.post(PATH, json={"input": "x"})).status_code == 503


def test_an_answer_without_a_decision_can_not_be() -> None:
    """An empty answer would allow by silence, so it can't be made."""
    with pytest.raises(ValueError, match="silence"):
        Moderation(())
