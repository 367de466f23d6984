"""Weights and brackets that cut a word are undone for judging; ordinary ones cost nothing."""

from __future__ import annotations

import pytest

from classifiers.normalize import views


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("a (vi:1.2)(olent:1.1) goat", "a violent goat"),
        ("a v(io)lent goat", "a violent goat"),
        ("a [vio]{lent} goat", "a violent goat"),
        ("a ((vio:1.3))((lent)) goat", "a violent goat"),
        ("a (v)(i)(o)(l)(e)(n)(t) goat", "a violent goat"),
    ],
)
def test_a_word_in_pieces_is_read_whole(text: str, reads: str) -> None:
    """Some view holds the word, with its place in the text as written."""
    found = [view for view in views(text) if reads in " ".join(view.text.split())]
    assert found
    at = found[0].text.index("violent")
    assert found[0].origin[at] < found[0].ends[at + 6] <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "(a red apple:1.2), oil painting, [blurry], ((masterpiece))",
        "a cat (sleeping) on a sofa",
        "{red, blue} balloons :) <3",
    ],
)
def test_ordinary_brackets_change_no_word(text: str) -> None:
    """A prompt with weights around whole words has one view, as without them."""
    assert [view.name for view in views(text)] == ["original"]
