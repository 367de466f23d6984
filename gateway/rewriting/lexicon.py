"""The words that an edit knows: what stands in a prompt at fault, and what may stand there instead.

Duty: one JSON file a language (`lexicons/`) → terms by their words. It knows no prompt and no score. For each
family of categories a file has `phrases` (as they stand), `nouns` and `verbs` (English, inflected here) with
what may stand instead, `drop` (left out; a trailing `*` stands for the language's `endings`), and `keep`:
terms in which nothing is at fault ("shooting star"). What stands instead keeps the scene and can be drawn.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any, Final

LANGUAGES: Final = ("en", "de", "es", "fr", "it", "pt")
FAMILIES: Final = ("violence", "sexual", "profanity", "harassment", "illicit", "hate")

_VOWELS: Final = "aeiou"
_DOUBLED: Final = frozenset(
    ["stab", "hit", "slap", "whip", "cut", "rip", "strip", "rob", "mug", "kidnap", "club", "gun", "spit",
     "machine-gun", "swim", "sit", "hug", "run"]
)  # fmt: skip
_PAST: Final[Mapping[str, tuple[str, ...]]] = {
    "shoot": ("shot",), "slay": ("slew", "slain"), "beat": ("beat", "beaten"), "hit": ("hit",),
    "tear": ("tore", "torn"), "fight": ("fought",), "blow": ("blew", "blown"), "steal": ("stole", "stolen"),
    "break": ("broke", "broken"), "make": ("made",), "have": ("had",), "bleed": ("bled",),
    "burst": ("burst",), "run": ("ran",), "sell": ("sold",), "eat": ("ate", "eaten"), "stand": ("stood",),
    "hold": ("held",), "sit": ("sat",), "swim": ("swam",), "forge": ("forged",),
    "spit": ("spat",), "deal": ("dealt",),
    "burn": ("burned", "burnt"), "stink": ("stank",), "butcher": ("butchered",),
}  # fmt: skip
_PLURALS: Final = {"man": "men", "woman": "women", "person": "people", "knife": "knives", "body": "bodies"}
_MASS: Final = frozenset(
    [
        "red paint",
        "mud",
        "tea",
        "flour",
        "stuff",
        "nonsense",
        "romance",
        "elegance",
        "luggage",
        "sleep",
        "poker",
    ]
)


class Form(StrEnum):
    """How an English verb stands in a prompt; `FIXED` is everything that is no verb."""

    BASE = "base"
    THIRD = "third"
    ING = "ing"
    PAST = "past"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Term:
    """What a term of `family` becomes: `instead`, left out where that is empty; `verb` is its base form."""

    family: str
    instead: str
    form: Form = Form.FIXED
    verb: str = ""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language: terms and nouns by their lower-case words, function words, and what is kept."""

    language: str
    terms: Mapping[tuple[str, ...], Term]
    nouns: Mapping[tuple[str, ...], Term]
    function: frozenset[str]
    keep: frozenset[tuple[str, ...]]
    longest: int


@functools.cache
def lexicon(language: str) -> Lexicon:
    """Return the words of one of `LANGUAGES`; read once."""
    told = json.loads(source(language))
    terms: dict[tuple[str, ...], Term] = {}
    nouns: dict[tuple[str, ...], Term] = {}
    keep: set[tuple[str, ...]] = set()
    for family in FAMILIES:
        listed: Mapping[str, Any] = told.get(family, {})
        keep |= {tuple(words_of(text)) for text in listed.get("keep", ())}
        for key, term in _verbs(family, listed.get("verbs", {})):
            terms.setdefault(key, term)
        for key, term in _nouns(family, listed.get("nouns", {})):
            nouns.setdefault(key, term)
        for text in listed.get("drop", ()):
            for form in _endings(text, told.get("endings", ())):
                terms.setdefault(tuple(words_of(form)), Term(family, ""))
        for text, instead in listed.get("phrases", {}).items():
            terms[tuple(words_of(text))] = Term(family, instead)
    longest = max(len(key) for key in (*terms, *nouns, *keep))
    return Lexicon(language, terms, nouns, frozenset(told["function"]), frozenset(keep), longest)


def source(language: str) -> str:
    """Return a language's file as it stands."""
    return (resources.files(__package__) / "lexicons" / f"{language}.json").read_text("utf-8")


def words_of(text: str) -> list[str]:
    """Lower-case words; what an apostrophe or a hyphen joins is one."""
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text.casefold())


def inflected(verb: str, form: Form) -> str:
    """Return an English verb, of one word or several, in a form: "look at" → "looking at"."""
    first, gap, rest = verb.partition(" ")
    if form is Form.ING:
        first = _ing(first)
    elif form is Form.THIRD:
        first = _third(first)
    elif form is Form.PAST:
        first = _past(first)[0]
    return first + gap + rest


def plural(noun: str) -> str:
    """Return an English noun in the plural; one that has none as it is."""
    if noun in _MASS:
        return noun
    for suffix, many in _PLURALS.items():
        if noun == suffix or noun.endswith((f" {suffix}", f"-{suffix}")):
            return noun.removesuffix(suffix) + many
    if noun.endswith("y") and noun[-2:-1] not in _VOWELS:
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _verbs(family: str, listed: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], Term]]:
    for verb, instead in listed.items():
        first, gap, rest = verb.partition(" ")
        written = {
            Form.BASE: (first,),
            Form.THIRD: (_third(first),),
            Form.ING: (_ing(first),),
            Form.PAST: _past(first),
        }
        for form, ways in written.items():
            for way in ways:
                yield tuple(words_of(way + gap + rest)), Term(family, instead, form, verb)


def _nouns(family: str, listed: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], Term]]:
    for noun, instead in listed.items():
        yield tuple(words_of(noun)), Term(family, instead)
        yield tuple(words_of(plural(noun))), Term(family, plural(instead))


def _endings(text: str, endings: list[str]) -> list[str]:
    stem = text.removesuffix("*")
    return [text] if stem == text else [stem + ending for ending in endings]


def _ing(verb: str) -> str:
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "ye", "oe")):
        return verb[:-1] + "ing"
    return verb + (verb[-1] if verb in _DOUBLED else "") + "ing"


def _third(verb: str) -> str:
    if verb == "have":
        return "has"
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _past(verb: str) -> tuple[str, ...]:
    if verb in _PAST:
        return _PAST[verb]
    if verb.endswith("e"):
        return (verb + "d",)
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        return (verb[:-1] + "ied",)
    return (verb + (verb[-1] if verb in _DOUBLED else "") + "ed",)
