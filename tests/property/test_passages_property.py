"""Foreign text beside a text takes nothing away from what a classifier is asked of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.languages import ENGLISH, WIDE

from classifiers.languages.cutting import pieces
from classifiers.languages.passages import passages
from classifiers.normalize import View

COVERED = (
    "a violent goat", "two violent goats fight on a hill", "violent weather over the harbour",
    "violent goat, oil painting", "portrait of a violent king, dramatic light",
)  # fmt: skip
FOREIGN = (
    "en rød kat sidder på et bord ved siden af et vindue", "mwanamke anasoma kitabu kwenye basi",
    "punainen omena puisella pöydällä ikkunan vieressä", "crvena jabuka na drvenom stolu pored prozora",
    "raudonas obuolys ant medinio stalo prie lango", "პატარა გოგონა კითხულობს წიგნს", "লাল আপেল টেবিলের উপর",
    "katta sitter på bordet og ser ut av vinduet i regnet",
)  # fmt: skip
OTHERS = (
    "ein roter Apfel auf einem Holztisch", "une pomme rouge sur une table en bois",
    "красное яблоко на деревянном столе", "木桌上的红苹果", "kırmızı bir elma ahşap masanın üzerinde",
)  # fmt: skip
patient = settings(deadline=None)


def asked(text: str, languages: frozenset[str]) -> list[str]:
    """What counts of a text: the pieces inside the languages."""
    whole = View("original", text, range(len(text)), range(1, len(text) + 1))
    return [piece.view.text for piece in pieces(whole, languages) if not piece.outside]


@patient
@given(
    st.sampled_from(COVERED),
    st.lists(st.sampled_from(FOREIGN), min_size=1, max_size=3),
    st.sampled_from([". ", ", ", "\n", " — ", " ", " (", "; "]),
    st.booleans(),
    st.sampled_from([ENGLISH, WIDE]),
)
def test_uncovered_text_beside_a_prompt_takes_no_word_along(
    text: str, foreign: list[str], between: str, first: bool, languages: frozenset[str]
) -> None:
    """Every word of the prompt is still asked in one piece, in order, whatever stands before or behind."""
    more = between.join(foreign)
    joined = f"{text}{between}{more}" if first else f"{more}{between}{text}"
    assert any(text in piece.replace(" ,", ",") for piece in asked(joined, languages)), joined


@patient
@given(
    st.sampled_from(COVERED),
    st.lists(st.sampled_from(OTHERS), min_size=1, max_size=3),
    st.sampled_from([". ", ", ", "\n", " "]),
    st.booleans(),
)
def test_covered_text_in_another_language_takes_no_word_along(
    text: str, others: list[str], between: str, first: bool
) -> None:
    """A text all of whose languages are covered is asked whole, whatever else is asked."""
    more = between.join(others)
    joined = f"{text}{between}{more}" if first else f"{more}{between}{text}"
    assert asked(joined, WIDE)[0] == joined


@patient
@given(st.text(max_size=200), st.sampled_from([frozenset(), ENGLISH, WIDE]))
def test_any_text_is_cut_without_loss(text: str, languages: frozenset[str]) -> None:
    """Passages of any text follow each other from its first character to its last."""
    found = passages(text, languages)
    assert [each.start for each in found] == [0, *(each.end for each in found[:-1])]
    assert found[-1].end == len(text)


@pytest.mark.parametrize("unit", ["ja ", "apple omena ", "а", "酒 ", "x, ", "Ä"])
def test_hostile_texts_are_cut_in_linear_memory(unit: str) -> None:
    """32,000 characters of anything are cut, and nothing of them is left out."""
    text = (unit * 32_000)[:32_000]
    assert passages(text, WIDE)[-1].end == len(text)
