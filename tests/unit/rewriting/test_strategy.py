"""A request becomes the right task for the model, or the finished answer."""

from __future__ import annotations

import pytest

from classifiers.signals import Span
from gateway.core.errors import RewriteFailed
from gateway.core.ports import RewriteRequest
from gateway.rewriting.strategy import ChatTask, FrameName, Planner, Strategy, is_finished, with_details

_CUT = Planner(Strategy.CUT, max_new_tokens=40, detail_tokens=24)
_INSTRUCT = Planner(Strategy.INSTRUCT, max_new_tokens=40, detail_tokens=24)
_PROMPT = "a damn old car"


def _request(attempt: int = 0, *, spans: bool = True) -> RewriteRequest:
    return RewriteRequest(_PROMPT, ("violence/graphic",), (Span(2, 6),) if spans else (), attempt)


def test_cut_forces_the_cut_prompt_as_the_beginning() -> None:
    """The first attempt with spans shows the model nothing of what was cut and starts its answer."""
    assert _CUT.plan(_request()) == ChatTask(FrameName.DETAILS, "an old car", "an old car,", 24)


def test_cut_answers_alone_on_a_later_attempt() -> None:
    """The second attempt with spans is the cut prompt and needs no model, whatever the strategy."""
    assert _CUT.plan(_request(1)) == _INSTRUCT.plan(_request(1)) == "an old car"


def test_no_details_means_the_cut_prompt_alone() -> None:
    """With `detail_tokens` 0 the first attempt is the cut prompt alone."""
    assert Planner(Strategy.CUT, 40, 0).plan(_request()) == "an old car"


@pytest.mark.parametrize("planner", [_CUT, _INSTRUCT])
def test_without_spans_the_model_is_asked_in_words(planner: Planner) -> None:
    """Categories are named in plain words, and a later attempt is asked in stronger ones."""
    first, second = planner.plan(_request(spans=False)), planner.plan(_request(1, spans=False))
    assert isinstance(first, ChatTask)
    assert isinstance(second, ChatTask)
    assert first.user == f"Leave out graphic violence: {_PROMPT}"
    assert first.start == ""
    assert "every trace of graphic violence" in second.user


def test_nothing_left_is_a_failure() -> None:
    """A prompt that consists of what must go is not rewritten into something else."""
    with pytest.raises(RewriteFailed):
        _CUT.plan(RewriteRequest("the damn", ("profanity",), (Span(4, 8),)))


@pytest.mark.parametrize(
    ("details", "line"),
    [
        (" soft light, long shadows.", "a cat, soft light, long shadows"),
        (" soft light, long shadows. The end", "a cat, soft light, long shadows"),
        (" soft light, long shad", "a cat, soft light"),
        (" soft", "a cat"),
        (" soft light, no people, and warm colors.", "a cat, soft light, warm colors"),
        (" soft light, soft light, dawn.", "a cat, soft light, dawn"),
        ("", "a cat"),
        ("\n\nHere", "a cat"),
    ],
)
def test_keeps_only_complete_details(details: str, line: str) -> None:
    """Unfinished clauses, second sentences and absences are dropped; the subject never is."""
    assert with_details("a cat,", details) == line


def test_a_sentence_ends_the_details() -> None:
    """Details are finished at the first sentence's end."""
    assert is_finished(" soft light.")
    assert not is_finished(" soft light, long")


@pytest.mark.parametrize(
    ("answer", "without"),
    [
        ("an old car", None),
        ("a damning old car", None),
        ("a Damn old car", ("damn",)),
    ],
)
def test_an_answer_that_repeats_words_at_fault_is_asked_for_again(
    answer: str, without: tuple[str, ...] | None
) -> None:
    """The second time those words can't be said; a third time there is none."""
    request = _request()
    task = _INSTRUCT.plan(request)
    assert isinstance(task, ChatTask)
    again = _INSTRUCT.again(request, task, answer)
    assert (None if again is None else again.without) == without
    assert again is None or _INSTRUCT.again(request, again, answer) is None
    assert _INSTRUCT.again(_request(spans=False), task, answer) is None


def test_small_words_of_a_phrase_may_be_said_again() -> None:
    """Of "swinging his axe" the content words are refused."""
    prompt = "a man swinging his axe"
    request = RewriteRequest(prompt, ("violence",), (Span(6, len(prompt)),))
    task = _INSTRUCT.plan(request)
    assert isinstance(task, ChatTask)
    again = _INSTRUCT.again(request, task, "a man swinging his axe at noon")
    assert again is not None
    assert again.without == ("swinging", "axe")
