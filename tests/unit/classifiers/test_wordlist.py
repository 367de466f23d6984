"""Listed terms are found as whole words, with category, severity and place."""

from __future__ import annotations

import time
from typing import Any

import pytest

from classifiers.protocol import ClassifierConfigError
from classifiers.text.wordlist import WordlistClassifier, default_lists

STAND_INS = {
    "extra": [
        {"terms": ["blorp", "zing zang", "grum*"], "category": "profanity", "severity": 1, "language": "xx"},
        {"terms": ["quax~"], "category": "harassment", "severity": 2, "language": "en"},
        {"terms": ["悪語"], "category": "hate", "severity": 3, "language": "ja"},
    ],
    "default_list": False,
}


def words(**options: Any) -> WordlistClassifier:
    return WordlistClassifier.from_options("words", STAND_INS | options)


@pytest.fixture(scope="module")
def shipped() -> WordlistClassifier:
    return WordlistClassifier.from_options("words", {})


def found(classifier: WordlistClassifier, text: str) -> dict[str, tuple[float, list[str]]]:
    return {
        signal.category: (signal.score, [text[span.start : span.end] for span in signal.spans])
        for signal in classifier.classify([text])[0]
    }


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("a blorp here", ["blorp"]),
        ("BLORP!", ["BLORP"]),
        ("blórp", ["blórp"]),
        ("half-blorp", ["blorp"]),
        ("zing  \n zang", ["zing  \n zang"]),
        ("zing-zang", ["zing-zang"]),
        ("grumbling on", ["grumbling"]),
        ("blorp, blorp", ["blorp", "blorp"]),
    ],
)
def test_terms_are_found_with_their_spans(text: str, spans: list[str]) -> None:
    """Case, accents, hyphens and spacing do not matter; spans are the text as written."""
    assert found(words(), text) == {"profanity": (0.4, spans)}


@pytest.mark.parametrize("text", ["blorpy", "ablorp", "zing", "zang zing", "b l o r p", "egrumble", ""])
def test_parts_of_words_are_not_terms(text: str) -> None:
    """A term inside another word, or spelled out, is no match."""
    assert found(words(), text) == {}


def test_verb_endings_and_starred_vowels_match() -> None:
    """`~` adds English endings; a vowel may be starred out."""
    for text in ("quax", "quaxed", "quaxing", "quaxers", "q*ax", "qu*xing"):
        assert found(words(), text) == {"harassment": (0.7, [text])}


def test_scripts_without_spaces_need_no_word_boundary() -> None:
    """A Japanese term is found inside a sentence."""
    assert found(words(), "これは悪語です") == {"hate": (0.95, ["悪語"])}


def test_the_most_severe_term_of_a_category_counts() -> None:
    """One signal per category, the highest score, all spans."""
    own = [{"terms": ["blorp"], "category": "profanity", "severity": 3}]
    classifier = words(extra=[*STAND_INS["extra"], *own])
    assert found(classifier, "grum blorp") == {"profanity": (0.95, ["grum", "blorp"])}


def test_allowed_phrases_do_not_count() -> None:
    """A term inside a harmless phrase is left alone; the same term outside it is found."""
    classifier = words(allow=["blorp fish", "quax"])
    assert found(classifier, "a blorp-fish") == {}
    assert found(classifier, "a blorp fish and a blorp") == {"profanity": (0.4, ["blorp"])}
    assert found(classifier, "quax") == {}


def test_what_changes_scores_changes_the_revision() -> None:
    """Terms, severities and allowed phrases all count; the name does not."""
    revisions = {
        words().card.revision,
        words(allow=["blorp fish"]).card.revision,
        words(extra=STAND_INS["extra"][:2]).card.revision,
    }
    assert len(revisions) == 3
    assert WordlistClassifier.from_options("other", STAND_INS).card.revision == words().card.revision


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"extra": []}, "no list is left"),
        ({"extra": [{"terms": ["x"], "category": "rudeness"}]}, "extra.0.category"),
        ({"extra": [{"terms": ["x"], "category": "hate", "severity": 4}]}, "extra.0.severity"),
        ({"languages": ["en"]}, "option languages"),
        ({"default_list": True, "languages": ["en", "xx"]}, "no list for xx"),
        ({"word": 1}, "word"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    """The message names the option."""
    with pytest.raises(ClassifierConfigError, match=message):
        words(**options)


@pytest.mark.parametrize(
    "text",
    [
        "Essex, Scunthorpe and Penistone",
        "a s a p",
        "killer whale",
        "a naked mole rat",
        "Moby Dick, first edition",
        "great tit on a branch",
        "chicken breasts on a plate",
        "a stable horse",
        "gore-tex jacket",
        "the heroine of the story",
        "a bite of apple",
        "peacock and cockatoo",
        "classic assembly of a grape harvest",
        "sexy red sports car",
        "Homo sapiens skull",
        "a hooded assassin",
        "Trojan horse of Troia",
        "bok choy soup",
        "beef jerky",
    ],
)
def test_ordinary_prompts_are_left_alone(shipped: WordlistClassifier, text: str) -> None:
    """The shipped list holds no trap for common harmless words."""
    assert found(shipped, text) == {}


@pytest.mark.parametrize(
    ("text", "category", "score"),
    [
        ("a moron dancing", "harassment", 0.4),
        ("damn it", "profanity", 0.4),
        ("a nude woman", "sexual", 0.7),
        ("a decapitated statue of a man", "violence/graphic", 0.7),
        ("mujer desnuda", "sexual", 0.7),
        ("femme nue", "sexual", 0.7),
        ("голая женщина", "sexual", 0.7),
        ("裸女", "sexual", 0.7),
        ("血まみれの部屋", "violence/graphic", 0.7),
    ],
)
def test_the_shipped_list_covers(shipped: WordlistClassifier, text: str, category: str, score: float) -> None:
    """Mild and clear terms, in several languages, under their category."""
    assert found(shipped, text)[category][0] == score


def test_the_shipped_list_is_well_kept() -> None:
    """No term twice in a list, none empty, none that its own language's list allows."""
    lists, allow = default_lists()
    for listed in lists:
        assert len(set(listed.terms)) == len(listed.terms), listed.language
        assert not set(listed.terms) & set(allow)
    assert len({listed.language for listed in lists}) >= 25


def test_hostile_repetition_takes_linear_time(shipped: WordlistClassifier) -> None:
    """32,000 characters of terms, allowed phrases or endless words are searched in no time."""
    began = time.process_time()
    for unit in ("damn ", "naked mole rat ", "masturb", "é", "悪"):
        shipped.classify([(unit * 32_000)[:32_000]])
    assert time.process_time() - began < 20
