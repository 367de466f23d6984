"""The words that make a score are found with a bounded number of looks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from classifiers.text.occlusion import MAX_CANDIDATES, MAX_ROUNDS, offending_spans

BAD = {"blorp": 0.9, "zing": 0.6}


def score(text: str) -> float:
    return max((BAD.get(word.strip(",."), 0.01) for word in text.split()), default=0.01)


def scores(texts: Sequence[str]) -> list[float]:
    return [score(text) for text in texts]


def cut(text: str, start: int = 0, end: int | None = None) -> list[str]:
    spans = offending_spans(text, start, len(text) if end is None else end, scores, stop_below=0.35)
    return [text[span.start : span.end] for span in spans]


def test_the_one_word_that_matters_is_the_span() -> None:
    """Nothing harmless is cut with it."""
    assert cut("a red blorp on a table") == ["blorp"]


def test_several_words_are_found_until_the_rest_is_harmless() -> None:
    """Without the spans the text scores below the limit."""
    assert cut("a blorp on a red table with zing, at night") == ["blorp", "zing,"]


def test_spans_lie_in_the_given_part() -> None:
    """Offsets are those of the whole text."""
    text = "far away, a red blorp here"
    assert cut(text, 10) == ["blorp"]


def test_a_single_word_has_no_span() -> None:
    """Cutting everything is no rewriting."""
    assert cut("blorp") == []


@given(st.lists(st.sampled_from(["a", "red", "blorp", "zing", "table"]), max_size=400))
def test_cost_is_bounded_and_spans_are_in_order(words: list[str]) -> None:
    """However long the text, so many looks and no more; spans are sorted and apart."""
    looks: list[int] = []

    def counted(texts: Sequence[str]) -> list[float]:
        looks.append(len(texts))
        return scores(texts)

    text = " ".join(words)
    spans = offending_spans(text, 0, len(text), counted, stop_below=0.35)
    assert len(looks) <= MAX_ROUNDS
    assert all(count <= MAX_CANDIDATES for count in looks)
    assert all(a.end < b.start for a, b in itertools.pairwise(spans))
