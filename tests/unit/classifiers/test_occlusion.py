"""The words that make a score are found with a bounded number of looks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from classifiers.text.occlusion import MAX_ROWS, excess, offending_spans

BAD = {"blorp": (0.9, 0.0), "zing": (0.0, 0.8), "恶": (0.9, 0.0)}
EDGES = (0.35, 0.35)
COLOURS = ["a", "red", "green", "blue", "table", "chair", "lamp", "under", "over", "near"]


def scores(texts: Sequence[str]) -> list[float]:
    rows = [
        [max((score[at] for word, score in BAD.items() if word in text), default=0.01) for at in (0, 1)]
        for text in texts
    ]
    return excess(np.array(rows, np.float32), EDGES)


def cut(text: str, start: int = 0, end: int | None = None) -> list[str]:
    end = len(text) if end is None else end
    spans = offending_spans(text, [(start, end, scores([text[start:end]])[0])], scores)
    return [text[span.start : span.end] for span in spans]


def long(*bad: str, words: int = 90) -> str:
    text = [COLOURS[at % len(COLOURS)] for at in range(words)]
    for place, word in enumerate(bad, start=1):
        text[words * place // (len(bad) + 1)] = word
    return " ".join(text)


def test_the_one_word_that_matters_is_the_span() -> None:
    """Nothing harmless is cut with it, in a short text or a long one."""
    assert cut("a red blorp on a table") == ["blorp"]
    assert cut(long("blorp")) == ["blorp"]


def test_several_words_are_found_until_the_rest_is_harmless() -> None:
    """Without the spans the text is clean, whichever categories they are of."""
    assert cut("a blorp on a red table with zing, at night") == ["blorp", "zing,"]
    assert cut(long("zing", "blorp")) == ["zing", "blorp"]


def test_spans_lie_in_the_given_part() -> None:
    """Offsets are those of the whole text."""
    text = "far away, a red blorp here"
    assert cut(text, 10) == ["blorp"]


def test_every_window_over_its_edge_is_searched() -> None:
    """What a text says twice, far apart, is found twice; a clean window costs nothing."""
    text = "a red blorp here. a green lamp. a blue zing there"
    places = [(0, 17), (18, 31), (32, len(text))]
    windows = [(start, end, scores([text[start:end]])[0]) for start, end in places]
    asked: list[str] = []

    def counted(texts: Sequence[str]) -> list[float]:
        asked.extend(texts)
        return scores(texts)

    spans = offending_spans(text, windows, counted)
    assert [text[span.start : span.end] for span in spans] == ["blorp", "zing"]
    assert not any("lamp" in one for one in asked)


def test_a_text_without_spaces_is_cut_by_characters() -> None:
    """In a script that is written without spaces the character at fault goes, and not the line."""
    assert cut("木桌上的恶红苹果") == ["恶"]


def test_a_clean_text_and_a_single_word_have_no_span() -> None:
    """Nothing is cut from what is clean, and cutting everything is no rewriting."""
    assert cut("a red table") == []
    assert cut("blorp") == []
    assert cut("") == []


@given(st.lists(st.sampled_from(["a", "red", "blorp", "zing", "恶", "table"]), max_size=400))
def test_cost_is_bounded_and_spans_are_in_order(words: list[str]) -> None:
    """However long the text, so many rows and no more, none longer than it; spans are sorted and apart."""
    rows = 0
    text = " ".join(words)

    def counted(texts: Sequence[str]) -> list[float]:
        nonlocal rows
        rows += len(texts)
        assert all(len(one) < len(text) for one in texts)
        return scores(texts)

    spans = offending_spans(text, [(0, len(text), scores([text])[0])], counted)
    assert rows <= MAX_ROWS
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))


def test_an_excess_counts_every_category() -> None:
    """A text with two offences is further from clean than either, and one below its edges has none."""
    both, one, clean = excess(np.array([[0.9, 0.9], [0.9, 0.1], [0.1, 0.2]], np.float32), EDGES)
    assert both > one > clean == 0.0
