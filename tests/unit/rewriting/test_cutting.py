"""Cutting the words at fault leaves a line that reads, and none of those words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.signals import Span
from gateway.rewriting.cutting import cut, has_subject


def _spans(prompt: str, *words: str) -> list[Span]:
    return [Span(*hit.span()) for word in words for hit in re.finditer(re.escape(word), prompt)]


@pytest.mark.parametrize(
    ("prompt", "words", "expected"),
    [
        ("a damn ugly red car on a street", ["damn"], "an ugly red car on a street"),
        ("a damn old truck", ["damn"], "an old truck"),
        ("an awful cat", ["awful"], "a cat"),
        ("An awful cat", ["awful"], "A cat"),
        ("a very naked man", ["naked"], "a man"),
        ("a naked and happy man", ["naked"], "a happy man"),
        ("Bloody hell, a cat", ["Bloody hell"], "A cat"),
        ("a woman with a knife", ["knife"], "a woman"),
        ("a woman with a knife on a beach", ["knife"], "a woman on a beach"),
        ("a woman, with blood, standing", ["blood"], "a woman, standing"),
        ("a (bloody) apple", ["bloody"], "an apple"),
        ('a sign saying "damn"', ["damn"], "a sign saying"),
        ("a street. Damn!", ["Damn"], "a street."),
        ("a man killing a dog", ["killing"], "a man, a dog"),
        ("an idiot driving a blue bus", ["idiot"], "someone driving a blue bus"),
        ("the idiot is sitting", ["idiot"], "someone is sitting"),
        ("Two idiots playing in mud.", ["idiots"], "Two people playing in mud."),
        ("two damn flying dragons", ["damn"], "two flying dragons"),
        ("a damn flying dragon", ["damn"], "a flying dragon"),
        ("a photo of a gory murder scene", ["gory", "murder"], "a photo of a scene"),
        ("gore, violence, a castle, blood", ["gore", "violence", "blood"], "a castle"),
        ("一只裸体的猫", ["裸体"], "一只的猫"),
        ("damn", ["damn"], ""),
        ("a   cat \n on a mat", [], "a cat on a mat"),
    ],
)
def test_reads_well_after_the_cut(prompt: str, words: list[str], expected: str) -> None:
    """What the cut leaves hanging is mended."""
    assert cut(prompt, _spans(prompt, *words)) == expected


@pytest.mark.parametrize("span", [Span(0, 5), Span(1, 3), Span(6, 7)])
def test_a_touched_word_goes_whole(span: Span) -> None:
    """A span inside a word takes the word with its hyphens."""
    assert cut("blood-soaked floor in a house", [span]) == "floor in a house"


def test_the_same_text_goes_everywhere() -> None:
    """Another occurrence that no span names goes too, whatever its case."""
    assert cut("a DAMN car and a damn cat", [Span(2, 6)]) == "a car and a cat"


def test_a_span_beyond_the_prompt_is_refused() -> None:
    """Spans of another text are an error, not a silent miss."""
    with pytest.raises(ValueError, match="beyond"):
        cut("a cat", [Span(2, 9)])


_WORDS = st.lists(
    st.sampled_from(["a", "an", "the", "red", "Cat", "dog,", "in", "of", "and", "(", ")", ".", "x-y"]),
    max_size=12,
)


@given(_WORDS, st.data())
def test_never_returns_a_cut_word(words: list[str], data: st.DataObject) -> None:
    """Whatever is cut, the words of the span are gone and the line has no doubled spaces."""
    bad = data.draw(st.sampled_from(["zork", "Zork", "z.o.r.k", "zo-rk"]))
    place = data.draw(st.integers(0, len(words)))
    prompt = " ".join([*words[:place], bad, *words[place:]])
    left = cut(prompt, _spans(prompt, bad))
    assert bad.casefold() not in left.casefold()
    assert "  " not in left
    assert left == left.strip()


@pytest.mark.parametrize(("text", "expected"), [
    ("a cat", True), ("with the", False), ("an", False), ("", False), ("???", False), ("猫", True),
    ("of which there were", False), ("ox", False),
])  # fmt: skip
def test_knows_when_nothing_is_left(text: str, expected: bool) -> None:
    """A subject is a word of three letters or more that carries meaning."""
    assert has_subject(text) is expected
