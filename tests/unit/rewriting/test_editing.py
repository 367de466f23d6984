"""Editing by rule: what stands instead, what is left out, and that every other word stays as it is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.signals import Span
from gateway.core.errors import RewriteFailed
from gateway.core.ports import RewriteRequest
from gateway.rewriting.edit import from_options
from gateway.rewriting.editing import edit
from gateway.rewriting.lexicon import FAMILIES, LANGUAGES, Form, inflected, lexicon, plural, words_of


def _spans(prompt: str, at_fault: str) -> tuple[Span, ...]:
    if not at_fault:
        return ()
    return tuple(Span(prompt.index(w), prompt.index(w) + len(w)) for w in at_fault.split("|"))


ENGLISH = """
a pirate stabbing a sailor on a ship deck > stabbing > violence > a pirate facing a sailor on a ship deck
two knights stabbing each other in a yard > stabbing > violence > two knights facing each other in a yard
two men fighting with bottles in a bar > fighting > violence > two men standing with bottles in a bar
a werewolf tearing a farmer apart in a field > tearing > violence > a werewolf chasing a farmer in a field
a blacksmith fights a knight to the death > fights > violence > a blacksmith faces a knight
a stabbing in a station, neon light > stabbing > violence > a gathering in a station, neon light
a stabbed man by a wall > stabbed > violence > a man by a wall
soldiers being shot by a river > shot > violence > soldiers standing by a river
corpses on a beach > corpses > violence/graphic > sleeping figures on a beach
a knife on a table > knife > violence > a torch on a table
an axe in a barn > axe > violence > a guitar in a barn
a naked elf in a forest > naked > sexual > an elf in a forest
a sexy woman in lingerie with a dog > sexy|lingerie > sexual > a woman in a long coat with a dog
my idiot boss at his desk > idiot > harassment > my boss at his desk
an idiot driving a bus > idiot > harassment > a person driving a bus
two morons in a boat > morons > harassment > two people in a boat
an asshole goose by a pond > asshole > profanity > a goose by a pond
a pissed off bear in a hat > pissed off > profanity > a grumpy bear in a hat
a damn hour of rain > damn > profanity > an hour of rain
a f.u.c.k.i.n.g fast rocket > f.u.c.k.i.n.g > profanity > a fast rocket
a sh1t of a storm over the sea > sh1t > profanity > a beast of a storm over the sea
a soldier m u r d e r i n g a farmer > m u r d e r i n g a > violence > a soldier facing a farmer
a chemist cooking drugs in a van > drugs > illicit > a chemist cooking soup in a van
a shooting star and a stabbing in a park > stabbing > violence > a shooting star and a gathering in a park
A damn owl on a branch > damn > profanity > An owl on a branch
a goblin flumphing a bard by a lake > flumphing > violence > a goblin beside a bard by a lake
a flumphy goblin by a lake > flumphy > violence > a goblin by a lake
a goblin with a flumph in a cave > flumph > violence > a goblin in a cave
a sign that says "fuck mondays" > fuck > profanity > a sign that says "oh mondays"
a goblin stabbing a bard by a lake >  > violence > a goblin facing a bard by a lake
"""

OTHERS = """
de > eine nackte Frau am Strand > nackte > sexual > eine Frau am Strand
de > ein Pirat ersticht einen Matrosen > ersticht > violence > ein Pirat trifft einen Matrosen
de > ein Idiot auf einem Fahrrad > Idiot > harassment > ein Mensch auf einem Fahrrad
de > mein dummer Chef am Tisch > dummer > harassment > mein Chef am Tisch
fr > une femme nue dans une forêt > nue > sexual > une femme dans une forêt
fr > un pirate poignarde un marin > poignarde > violence > un pirate rencontre un marin
fr > l'assassin dans la rue > assassin > violence > le passant dans la rue
fr > le connard avec son chien > connard > profanity > l'homme avec son chien
es > una mujer desnuda en la playa > desnuda > sexual > una mujer en la playa
es > un pirata apuñala a un marinero > apuñala > violence > un pirata saluda a un marinero
it > uno stronzo con un cane > stronzo > profanity > un uomo con un cane
it > due cavalieri che si pugnalano > pugnalano > violence > due cavalieri che si salutano
pt > uma mulher nua na praia > nua > sexual > uma mulher na praia
pt > um vampiro coberto de sangue em um castelo > sangue > violence > um vampiro em um castelo
"""


def _rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(">")] for line in table.strip().splitlines()]


@pytest.mark.parametrize(("prompt", "at_fault", "category", "expected"), _rows(ENGLISH))
def test_english_edits(prompt: str, at_fault: str, category: str, expected: str) -> None:
    """Each row is a prompt, its words at fault, the category, and the line that comes out."""
    assert edit(prompt, _spans(prompt, at_fault), (category,), lexicon("en")) == expected


@pytest.mark.parametrize(("language", "prompt", "at_fault", "category", "expected"), _rows(OTHERS))
def test_edits_in_other_languages(
    language: str, prompt: str, at_fault: str, category: str, expected: str
) -> None:
    """The same in the five other languages, with the article as the new word wants it."""
    assert edit(prompt, _spans(prompt, at_fault), (category,), lexicon(language)) == expected


@pytest.mark.parametrize(
    ("prompt", "at_fault"),
    [
        ("Siobhan smiling", "Siobhan"),
        ("dalmatian running", "dalmatian"),
        ("The Scream by Munch", "Scream"),
        ("Intercourse, Pennsylvania", "Intercourse"),
        ("portrait of the referee as a mole", "the referee as"),
        ("naked", "naked"),
    ],
)
@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_name_or_the_subject_is_never_left_out(prompt: str, at_fault: str, level: int) -> None:
    """Where the fault is said to be a name or what the picture is of, no edit is made."""
    with pytest.raises(RewriteFailed):
        edit(prompt, _spans(prompt, at_fault), ("sexual",), lexicon("en"), level=level)


def test_a_later_attempt_edits_more() -> None:
    """First what the spans touch, then every clear term of the categories."""
    prompt = "a gory knight stabbing a bloody ogre"
    spans = _spans(prompt, "stabbing")
    assert edit(prompt, spans, ("violence",), lexicon("en")) == "a gory knight facing a bloody ogre"
    assert edit(prompt, spans, ("violence",), lexicon("en"), level=1) == "a knight facing an ogre"


def test_a_group_is_only_named_anew_for_hate() -> None:
    """A word for people is at fault nowhere else."""
    prompt = "two damn women in a caricature of immigrants on a ship"
    assert "women" in edit(prompt, _spans(prompt, "damn women"), ("profanity",), lexicon("en"))
    assert "people" in edit(prompt, _spans(prompt, "immigrants"), ("hate",), lexicon("en"))


_SOME = [
    "owl",
    "boat",
    "damn",
    "red",
    "lamp",
    "naked",
    "by",
    "tree",
    "stabbing",
    "a",
    "the",
    "two",
    "7",
    "Paris",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(_SOME), min_size=3))
def test_every_word_outside_an_edit_stays(words: list[str]) -> None:
    """What comes out holds the words that no list names, letter for letter and in order."""
    prompt = " ".join(words)
    bad = ("damn", "naked", "stabbing")
    spans, at = [], 0
    for word in words:
        if word in bad:
            spans.append(Span(at, at + len(word)))
        at += len(word) + 1
    try:
        line = edit(prompt, spans, ("sexual", "profanity", "violence"), lexicon("en"))
    except RewriteFailed:
        return
    kept = [word for word in words if word in ("owl", "boat", "red", "lamp", "tree", "7", "Paris")]
    assert [word for word in line.replace(",", "").split() if word in kept] == kept


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_stands_instead_is_no_term_itself(language: str) -> None:
    """An edit must not need another one: no replacement is listed for leaving out."""
    words = lexicon(language)
    for term in (*words.terms.values(), *words.nouns.values()):
        assert term.family in FAMILIES
        known = words.terms.get(tuple(words_of(term.instead)))
        assert known is None or known.instead or not term.instead, term


def test_inflection() -> None:
    """Verbs of one word or several, nouns and those without a plural."""
    forms = {form: inflected("look at", form) for form in (Form.ING, Form.THIRD, Form.PAST)}
    assert list(forms.values()) == ["looking at", "looks at", "looked at"]
    assert [inflected("carry", Form.THIRD), inflected("hug", Form.ING), inflected("face", Form.ING)] == [
        "carries", "hugging", "facing",
    ]  # fmt: skip
    assert [plural(word) for word in ("person", "torch", "red paint", "body")] == [
        "people", "torches", "red paint", "bodies",
    ]  # fmt: skip


async def test_it_knows_the_language_of_a_prompt() -> None:
    """Each prompt is edited with the words of its own language."""
    rewriter = from_options("edit", {})
    await rewriter.start()
    prompt = "eine nackte Frau am Strand bei Sonnenuntergang"
    assert await rewriter.rewrite(RewriteRequest(prompt, ("sexual",), _spans(prompt, "nackte"))) == (
        "eine Frau am Strand bei Sonnenuntergang"
    )


def test_a_longer_attempt_never_gives_words_back() -> None:
    """Each level leaves at most the words of the one before."""
    prompt = "a gory knight stabbing a bloody ogre with a flumph in a cave"
    spans = _spans(prompt, "stabbing|flumph")
    lines = [edit(prompt, spans, ("violence",), lexicon("en"), level=level) for level in range(3)]
    for before, after in pairwise(lines):
        assert set(after.split()) <= {*before.split(), "a", "an"}
