"""Which language the words of a text are found to be in, and that in doubt all of it is covered."""

from __future__ import annotations

import pytest
from support.languages import ENGLISH, WIDE

from classifiers.languages.cutting import PASSAGE, pieces
from classifiers.languages.passages import passages
from classifiers.languages.words import words_of
from classifiers.normalize import View


def outside(text: str, covered: frozenset[str] = ENGLISH) -> list[str]:
    found = passages(text, covered)
    return [text[each.start : each.end].strip(" ,.") for each in found if not each.covered]


def view(text: str) -> View:
    return View("original", text, range(len(text)), range(1, len(text) + 1))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a red apple, photo, 8k", []),
        ("ein roter Apfel auf einem Holztisch", ["ein roter Apfel auf einem Holztisch"]),
        ("a red apple, ein roter Apfel auf einem Holztisch", ["ein roter Apfel auf einem Holztisch"]),
        ("a red apple. une pomme rouge sur une table en bois", ["une pomme rouge sur une table en bois"]),
        ("green goat une pomme rouge sur une table en bois", ["une pomme rouge sur une table en bois"]),
        ("a poster that says แอปเปิ้ลสีแดง in red", ["แอปเปิ้ลสีแดง"]),
        ("a neon sign that says 酒", []),
        ("vestido negro", []),
        ("Rio de Janeiro at night", []),
    ],
)
def test_only_what_is_clear_is_told(text: str, told: list[str]) -> None:
    """Clauses, scripts and words beside each other are separated; short ones, names and loans are not."""
    assert outside(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "Kinder bauen eine Sandburg am Strand",
        "женщина читает книгу в трамвае",
        "मेरे घर में चार कमरे हैं।",
        "رجل يقرأ كتابا في الحديقة",
        "赤いりんごと青い花",
        "un cane dorme davanti al camino",
    ],
)
def test_a_covered_language_is_not_told_outside(text: str) -> None:
    """With the languages of a multilingual classifier these texts are all covered, in one piece."""
    assert outside(text, WIDE) == []
    (piece,) = pieces(view(text), WIDE)
    assert (piece.view.text, piece.outside) == (text, False)


@pytest.mark.parametrize(
    "text",
    [
        "en rød kat sidder på et bord ved et vindue",
        "mwanamke anasoma kitabu kwenye basi",
        "ბავშვი თამაშობს ეზოში",
    ],
)
def test_what_nobody_was_trained_for_is_told_outside(text: str) -> None:
    """A sentence in a near language, a far one, and one in a script of its own."""
    assert outside(text, WIDE) == [text]
    (piece,) = pieces(view(text), WIDE)
    assert (piece.view, piece.outside) == (view(text), True)


def test_a_mixed_text_is_asked_in_pieces_that_lead_back_to_it() -> None:
    """What is covered and what is not, each as one text whose characters know their place."""
    text = "ein roter Apfel auf einem Holztisch, a red apple on a table, photo of a cat"
    inside, other = pieces(view(text), ENGLISH)
    assert (inside.view.text, inside.outside) == ("a red apple on a table, photo of a cat", False)
    assert (other.view.text, other.outside) == ("ein roter Apfel auf einem Holztisch,", True)
    assert {inside.view.name, other.view.name} == {PASSAGE}
    assert all(
        text[at] == char for at, char in zip(inside.view.origin, inside.view.text, strict=True) if char != " "
    )


def test_several_covered_languages_are_asked_each_by_itself_beside_the_whole() -> None:
    """A score of the whole may hide what one part says."""
    text = "ein roter Apfel auf einem Holztisch. a red apple on a wooden table."
    whole, *parts = pieces(view(text), frozenset({"en", "de"}))
    assert whole.view.text == text
    assert sorted(part.view.text for part in parts) == [
        "a red apple on a wooden table.",
        "ein roter Apfel auf einem Holztisch.",
    ]


def test_passages_are_the_whole_text() -> None:
    """They stand in order, none overlaps, nothing is left out."""
    for text in ("", "  ", "a, ein roter Apfel auf einem Holztisch 酒場の女 …", "12 34", "ä" * 50):
        found = passages(text, ENGLISH)
        assert [each.start for each in found] == [0, *(each.end for each in found[:-1])]
        assert found[-1].end == len(text)


def test_vowel_signs_belong_to_their_word() -> None:
    """A mark inside a word of an Indian script is no boundary."""
    words = words_of("मेरे घर में").words
    assert len(words) == 3
