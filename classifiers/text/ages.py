"""Ages in a text: "a 12 year old", "aged nine", "8th birthday", "5th grade", "de 12 ans", "12岁".

Duty: find numbers of years (or months) that are somebody's age below 18, in figures and words. It knows no
signals and no other cue. It works on text as `terms.flattened` makes it: small letters, no accents, single
spaces, hyphens as spaces. What is said of things is left out ("a 12 year old whisky", "the bridge is 9 years
old"), as are spans of time ("12 years ago"). Numbers, nouns and patterns stand in `ages.json`.

Blind spots: years of birth, sums ("twice seven"), ages in words outside English, Spanish, French, German,
Italian, Portuguese, Chinese and Japanese.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

ADULT_YEARS: Final = 18

_MAY_BE_A_THINGS: Final = frozenset({"years", "months", "aged"})
_HAN: Final = {char: at for at, char in enumerate("〇一二三四五六七八九")}
_WORD: Final = re.compile(r"[^\W\d_]+")
_PREDICATE: Final = re.compile(
    r"([^\W\d_]+) (?:is|was|are|were|thats|that is|that was|which is)"
    r"(?: about| over| nearly| almost| around| already)? $"
)


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to write an age: a text without any of `units` can't hold it; every group is a number."""

    kind: str
    units: tuple[str, ...]
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Language:
    """What `ages.json` holds. `things` are nouns whose age is no person's, `stops` end a noun phrase."""

    forms: tuple[_Form, ...]
    numbers: dict[str, int]
    tens: tuple[str, ...]
    things: frozenset[str]
    stops: frozenset[str]


def minors_ages(flat: str) -> Iterator[tuple[int, int]]:
    """Yield `[start, end)` of each age below 18 in a flattened text, in no order. Linear in the text."""
    for form in _language().forms:
        if not any(unit in flat for unit in form.units):
            continue
        for match in form.pattern.finditer(flat):
            years = min(_value(number) for number in match.groups() if number)
            if form.kind == "months":
                years //= 12
            elif form.kind == "under":
                years -= 1
            if years < ADULT_YEARS and not (
                form.kind in _MAY_BE_A_THINGS and _is_a_things(flat, match.start(), match.end())
            ):
                yield match.start(), match.end()


def _is_a_things(flat: str, start: int, end: int) -> bool:
    """Whether the age at `[start, end)` is said of something that is no person."""
    things = _language().things
    predicate = _PREDICATE.search(flat, max(0, start - 60), start)
    if predicate is not None:
        return predicate[1] in things
    before = _WORD.findall(flat, max(0, start - 30), start)
    if flat[max(0, start - 1) : start] == " " and before and before[-1] in things and flat[end - 1] != "d":
        return True  # "whisky aged 12 years"; but "with a dog, 12 years old" may be the child's age
    return _last_noun(flat, end) in things


def _last_noun(flat: str, end: int) -> str:
    """The last word of the noun phrase that begins at `end`, of at most five words; empty without one."""
    last, at, stops = "", end, _language().stops
    for _ in range(5):
        match = _WORD.match(flat, at + 1) if flat[at : at + 1] == " " else None
        if match is None:
            break
        word, at = match.group(), match.end()
        if word in stops or (len(word) > 4 and word.endswith(("ing", "ed"))):
            break
        last = word
    return last


def _value(number: str) -> int:
    """What a number says, in figures, in English words, or in another language's words below 20."""
    if number[0].isdigit():
        return int(number.partition(".")[0])
    if number[0] in _HAN or number[0] == "十":
        _tens, ten, ones = number.rpartition("十")
        return (10 if ten else 0) + (_HAN[ones] if ones else 0)
    if "hundred" in number:
        return 100
    language = _language()
    for at, tens in enumerate(language.tens, start=2):
        if number.startswith(tens):
            return at * 10
    return language.numbers[number]


@functools.cache
def _language() -> _Language:
    told = json.loads(resources.files("classifiers.text").joinpath("ages.json").read_text("utf-8"))
    others = [[word.replace("&", " ") for word in words] for words in told["others"]]
    numbers = {word: value for words in others for value, word in enumerate(words) if value}
    for words in (told["ordinals"], told["english"]):  # English last: it wins where two languages clash
        numbers.update({word: value for value, word in enumerate(words)})
    return _Language(
        forms=tuple(
            _Form(kind, tuple(units.split()), re.compile(_spelled_out(pattern, told, others)))
            for kind, units, pattern in told["patterns"]
        ),
        numbers=numbers,
        tens=tuple(told["tens"]),
        things=frozenset(told["things"]),
        stops=frozenset(told["stops"]),
    )


def _spelled_out(pattern: str, told: dict[str, Any], others: list[list[str]]) -> str:
    """A pattern of `ages.json` with its names in angle brackets replaced; names may hold names."""
    ones, tens = _either(told["english"]), _either(told["tens"])
    meaning = {
        "ranged": "<number>(?: ?(?:to|or|and|/|–)? ?(<english>))?",
        "number": "<free>(<english>)",
        "ordinal": rf"<free>(?:(\d{{1,3}})(?:st|nd|rd|th)|({_either(told['ordinals'][1:])}))",
        "english": r"\d{1,3}(?:\.\d)?|(?:(?:an?|one|two|several) )?hundred(?: and)?(?: [a-z]+)?"
        rf"|(?:{tens})(?: (?:{_either(told['english'][1:10])}))?|{ones}",
        "romance": rf"(\d{{1,3}}|{_either(word for words in others for word in words[1:])})",
        "plain": r"(\d{1,3})(?!\d)",
        "stages": "".join(f"(?<!{word} )" for word in told["stages"]),
        "free": r"(?<![^\W_])(?<![\d.,$€£:])",
        "end": r"(?![^\W_])",
    }
    for name, replacement in meaning.items():
        pattern = pattern.replace(f"<{name}>", replacement)
    return pattern


def _either(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))
