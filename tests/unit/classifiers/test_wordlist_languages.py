"""A listed term counts in its own language: not in another one, not in a name, and little in doubt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from classifiers.flatten import flattened
from classifiers.languages.identifier import table
from classifiers.normalize import views
from classifiers.text.minor_cues import MinorCuesClassifier
from classifiers.text.terms import WEAK
from classifiers.text.wordlist import WordlistClassifier, default_lists, shared_words
from policies.locks import LOCK_EDGES

SHIPPED = WordlistClassifier.from_options("words", {})
CUES = MinorCuesClassifier.from_options("cues", {})
SCENES = json.loads((Path(__file__).parents[2] / "support" / "child_scenes.json").read_text("utf-8"))
UNSPACED = ("zh", "ja", "th")


def scores(text: str, classifier: WordlistClassifier | MinorCuesClassifier = SHIPPED) -> dict[str, float]:
    """The highest score per category over the views that the judge makes of a text."""
    found: dict[str, float] = {}
    for view in views(text):
        for signal in classifier.classify([view.text])[0]:
            found[signal.category] = max(found.get(signal.category, 0.0), signal.score)
    return found


OTHER_LANGUAGES = """
un vestido negro elegante en un maniquí | café negro en una taza blanca | um quadro negro na escola
le train est en retard ce matin | un chien mord un bâton dans le jardin | filmen är slut och ljuset tänds
en kurva på vägen genom skogen | en fågel med en vit prick på vingen | góry o zachodzie słońca w Tatrach
dziecko naciska pedał rowerowy | un cono de helado de vainilla | crap la grătar cu mămăligă și lămâie
după ploaie copacii sunt verzi | các con mèo đang ngủ trên bàn | cô gái đeo kính đọc sách lớn
der Stab des Zauberers liegt auf dem Tisch | we huren een bootje op het meer
de kinderen lijken op hun opa | jenta legger hodet på pute i senga
maja sudaca i advokata u dvorani | gore na planini pada snijeg | 妈妈的厨房很大 | 站在裸露的岩石上看海
ピエロが踊る | フェラーリの写真 | エセックスの古い家 | カップヌードルを食べる
새를 보지 못한 아이 | 불이 꺼져 있는 방 | 밤에 자지 않는 고양이 | คนนั่งใต้โคมโป๊ะ
"""
NAMES = """
the Rio Negro in Brazil | Negro Leagues baseball museum | Intercourse, Pennsylvania, an Amish village street
the village of Fucking in Austria | a portrait of David Lynch | Herr Fick malt ein Bild
Morón de la Frontera al atardecer | the novelist Karin Slaughter at a reading | Bastardo, un paese in Umbria
"""


def listed(block: str) -> list[str]:
    return [part.strip() for line in block.strip().splitlines() for part in line.split(" | ")]


@pytest.mark.parametrize("text", listed(OTHER_LANGUAGES))
def test_letters_that_are_another_languages_word_say_nothing(text: str) -> None:
    """Ordinary sentences whose words look like terms of some other list."""
    assert {category: score for category, score in scores(text).items() if score > WEAK} == {}


@pytest.mark.parametrize("text", listed(NAMES))
def test_a_proper_name_says_nothing(text: str) -> None:
    """Places and people whose names are letters of a term."""
    assert {category: score for category, score in scores(text).items() if score > WEAK} == {}


@pytest.mark.parametrize(
    "text", ["slut", "en retard", "crap", "puta", "Kike Hernández at bat", "paki", "góry"]
)
def test_in_doubt_a_term_is_weak_evidence_and_never_severe(text: str) -> None:
    """Letters of two languages without enough beside them, and a slur that is somebody's name."""
    assert max(scores(text).values()) == WEAK < LOCK_EDGES[0]


@pytest.mark.parametrize(
    ("text", "category", "score"),
    [
        ("dumb slut", "harassment", 0.7),
        ("a slut on the street", "harassment", 0.7),
        ("that is crap art", "profanity", 0.4),
        ("hijo de puta en la calle", "harassment", 0.7),
        ("eine Schlampe auf der Straße", "harassment", 0.7),
        ("filthy kikes counting money", "hate", 0.95),
        ("fuck", "profanity", 0.7),
        ("holy shit, a dragon", "profanity", 0.7),
        ("desnuda", "sexual", 0.7),
        ("Blondine nackt auf einem Bett", "sexual", 0.7),
        ("alaston nainen makaa sängyllä", "sexual", 0.7),
        ("chết tiệt, cặc", "profanity", 0.7),
        ("αποκεφαλισμένος άνδρας", "violence/graphic", 0.7),
    ],
)
def test_a_term_counts_in_full_in_its_language(text: str, category: str, score: float) -> None:
    """Also where it stands alone, if its letters are a word of no other language."""
    assert scores(text)[category] == score


@pytest.mark.parametrize(
    "beside",
    [
        "ein roter Apfel auf einem Holztisch",
        "une pomme rouge sur une table en bois",
        "filmen är slut",
        "กแมวนั่ง",
        "красное яблоко",
    ],
)
@pytest.mark.parametrize(
    "text", ["dumb slut", "fucking moron", "filthy kikes", "mujer desnuda", "nude woman"]
)
@pytest.mark.parametrize("form", ["{} {}", "{}. {}", "{}, {}"])
def test_text_in_another_language_beside_it_disarms_no_term(text: str, beside: str, form: str) -> None:
    """Before or behind, with a stop or without: what a text alone scored is still scored."""
    alone = scores(text)
    for joined in (form.format(text, beside), form.format(beside, text)):
        found = scores(joined)
        assert all(found.get(category, 0.0) >= score for category, score in alone.items()), joined


def test_a_list_of_the_operators_own_counts_as_it_says() -> None:
    """`*` or `anywhere` in any language; a language of its own there, and not inside of another."""
    sentence = "der kleine {} läuft durch den Garten"
    for language, anywhere, score in (("*", False, 0.7), ("en", True, 0.7), ("en", False, 0.0)):
        own = {"terms": ["blorp"], "category": "profanity", "language": language, "anywhere": anywhere}
        made = WordlistClassifier.from_options("words", {"default_list": False, "extra": [own]})
        assert scores(sentence.format("blorp"), made).get("profanity", 0.0) == score


def test_every_shared_word_is_a_listed_term() -> None:
    """What `elsewhere` names is flattened, is listed, and names languages that can be told."""
    terms = {flattened(term.strip("=~*"))[0].strip() for each in default_lists()[0] for term in each.terms}
    for term, languages in shared_words().items():
        assert term in terms
        assert set(languages.split()) <= {*table().languages, "la"}


@pytest.mark.parametrize("language", sorted(SCENES.keys() - {"about"}))
def test_a_harmless_scene_with_a_child_arms_no_lock(language: str) -> None:
    """Every scene names a child, and no word of it counts as sexual for the lock on both together."""
    subjects, places = SCENES[language]
    between = "" if language in UNSPACED else " "
    for text in (f"{subject}{between}{place}" for subject in subjects for place in places):
        assert scores(text, CUES)["minor"] >= LOCK_EDGES[0], text
        assert scores(text).get("sexual", 0.0) < LOCK_EDGES[0], text


@pytest.mark.parametrize(
    "text",
    [
        "una mujer bebe agua",
        "il adore son nouvel ado café",
        "op zijn grote teen lopen",
        "bayi kapısı açık duruyor",
    ],
)
def test_letters_of_a_cue_that_are_another_word_say_nothing(text: str) -> None:
    """Where the language is clear; in doubt every cue counts, so that the lock loses nothing."""
    assert scores(text, CUES) == {} or text.startswith("il adore")


@pytest.mark.parametrize("text", ["kinder on a bed", "a bambino and a dog", "niños, photo", "teen"])
def test_a_cue_counts_inside_of_another_language(text: str) -> None:
    """A foreign word for a child in an English text is a cue like any other."""
    assert scores(text, CUES)["minor"] >= LOCK_EDGES[0]
