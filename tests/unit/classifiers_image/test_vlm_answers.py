"""A judge's answer is read strictly, and its options before anything loads."""

import json

import pytest

from classifiers.image.vlm_answers import Rating, read_rating
from classifiers.image.vlm_judge import VlmJudgeClassifier
from classifiers.protocol import ClassifierConfigError


def answer(**changed):
    return json.dumps({"rating": "Unsafe", "category": "O3: Sexual Content", "rationale": "x"} | changed)


def test_a_rating_is_read():
    """The rating, and the code before the category's colon; the rationale may be absent."""
    assert read_rating(answer()) == Rating(True, "O3")
    assert read_rating('{"rating": "Safe", "category": "NA"}') == Rating(False, "NA")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Unsafe",
        '"Unsafe"',
        "[]",
        answer() + " and more",
        answer()[:-5],
        answer(rating="unsafe"),
        answer(rating="Review needed"),
        answer(rating=True),
        answer(category=3),
        answer(category=" "),
        answer(extra=1),
        '{"rating": "Safe"}',
        '{"rating": "Safe", "rating": "Unsafe", "category": "NA"}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:40],
)
def test_any_other_form_is_an_error_that_repeats_nothing(text):
    """Prose, extra text, another spelling, a double key: no measurement, and no word of it in the message."""
    with pytest.raises(ValueError, match=r"^the judge's (answer|rating|category)") as refused:
        read_rating(text)
    assert "Sexual" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "form"),
        ({"form": "chat"}, "form"),
        ({"form": "question"}, "needs a policy text for each category"),
        ({"form": "question", "policies": {}}, "needs a policy text"),
        ({"form": "question", "policies": {"smut": "none"}}, "'smut' is no category"),
        ({"form": "question", "policies": {"violence": " "}}, "no text may be empty"),
        ({"form": "question", "policies": {"violence": "x"}, "question": "Well?"}, "{policy} once"),
        ({"form": "question", "policies": {"violence": "x"}, "prompt": "p"}, "reads no prompt"),
        ({"form": "shieldgemma2", "labels": {}}, "reads no labels"),
        ({"form": "llavaguard"}, "needs the model's instruction"),
        ({"form": "llavaguard", "prompt": "p", "policies": {"violence": "x"}}, "reads no policies"),
        ({"form": "llavaguard", "prompt": "p", "labels": {"O1": None}}, "every code is harmless"),
        ({"form": "llavaguard", "prompt": "p", "max_new_tokens": 1}, "max_new_tokens"),
    ],
)
def test_wrong_options_are_refused_before_anything_loads(tmp_path, options, said):
    """A form without its texts, and an option that the form does not read, are named."""
    with pytest.raises(ClassifierConfigError, match=said):
        VlmJudgeClassifier.from_options("judge", {"model": str(tmp_path), **options})
