"""Listed terms as one automaton: how a term may be written, and where it may stand.

Duty: expand lists of terms into spellings that meet flattened texts. It knows no signals.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from classifiers import taxonomy
from classifiers.flatten import flattened
from classifiers.languages.identifier import table

SCORES: Final[Mapping[int, float]] = {1: 0.4, 2: 0.7, 3: 0.95}
"""Severity of a term → score: mild, clear, severe. Ordinal by hand, not calibrated."""

WEAK: Final = 0.3
"""The score of a term whose language is in doubt: below what counts alone, and no lock is armed by it."""

_ACCENTS_MATTER: Final = frozenset({"vi"})  # without them a Vietnamese word is another one
_KATAKANA: Final = re.compile("[\u30a1-\u30fe]+")
_VERB_ENDINGS: Final = ("", "s", "ed", "er", "ers", "ing", "in")
_VOWELS: Final = "aeiou"
# Scripts written without spaces: a term of theirs needs no word boundary.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)


class TermList(BaseModel):
    """Terms of one language with one category and severity (1 mild, 2 clear, 3 severe).

    `language` is a two-letter code, or `*`: the terms count in a text of any language. `anywhere` says the
    same of terms that are of one language, and a word of no other.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    terms: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(min_length=1)]
    category: str
    severity: Annotated[int, Field(ge=1, le=3)] = 2
    language: str = "*"
    anywhere: bool = False

    @field_validator("category")
    @classmethod
    def _known(cls, category: str) -> str:
        if not taxonomy.is_known(category):
            raise ValueError("unknown category; use one of the taxonomy, or your own as custom/NAME")
        return category


class Entry:
    """One expanded term as the automaton knows it; `category` None marks a harmless phrase.

    `start_bound` and `end_bound`: no letter or digit may touch it there (no katakana, of a term in katakana);
    `any_ending`: letters may follow. `language` is that of its list, empty where it counts anywhere;
    `elsewhere` are the languages in which the same letters are an ordinary word of another sense. `written`
    is the term with its accents, empty where accents are no matter; with `accents` it counts with them alone.
    """

    __slots__ = (
        "accents", "any_ending", "category", "elsewhere", "end_bound", "is_katakana", "language", "length",
        "score", "start_bound", "written",
    )  # fmt: skip

    def __init__(
        self,
        key: str,
        category: str | None,
        score: float,
        *,
        any_ending: bool,
        language: str = "",
        elsewhere: frozenset[str] = frozenset(),
        written: str = "",
        accents: bool = False,
    ) -> None:
        self.length = len(key)
        self.category = category
        self.score = score
        self.any_ending = any_ending
        self.is_katakana = _KATAKANA.fullmatch(key) is not None
        self.start_bound = self.is_katakana or not _UNSPACED.match(key[0])
        self.end_bound = not any_ending and (self.is_katakana or not _UNSPACED.match(key[-1]))
        self.language = language
        self.elsewhere = elsewhere
        self.written = written
        self.accents = accents

    def told(self) -> str:
        """Everything of it that can change a score."""
        return "\t".join(
            (
                str(self.category), str(self.score), str(self.end_bound), self.language,
                ",".join(sorted(self.elsewhere)), self.written, str(self.accents),
            )
        )  # fmt: skip


def expanded(
    lists: Iterable[TermList],
    allow: Iterable[str],
    scores: Mapping[int, float] = SCORES,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, list[Entry]]:
    """Flattened spelling → what it stands for; a spelling of several lists counts for each.

    `elsewhere`: flattened term → codes, divided by spaces, of languages where it is another word.
    """
    made: dict[str, dict[tuple[str | None, str, bool], Entry]] = {}
    for listed in lists:
        for term in listed.terms:
            stem = flattened(term.strip("=~*"))[0].strip()
            for key in _spellings(stem, term, listed):
                spoken = frozenset(elsewhere.get(stem, "").split())
                entry = _entry(key, term, listed, scores[listed.severity], spoken)
                kinds = made.setdefault(key, {})
                kind = (listed.category, entry.language, entry.any_ending)
                if kind not in kinds or kinds[kind].score < entry.score:
                    kinds[kind] = entry
    for phrase in allow:
        key = flattened(phrase)[0].strip()
        made.setdefault(key, {})[None, "", False] = Entry(key, None, 0.0, any_ending=False)
    return {key: list(kinds.values()) for key, kinds in sorted(made.items()) if key}


def _entry(key: str, term: str, listed: TermList, score: float, elsewhere: frozenset[str]) -> Entry:
    anywhere = listed.anywhere or listed.language == "*" or " " in key
    code = listed.language.partition("-")[0]
    foreign = code != "en" and code in table().place  # English has no accents: there they are a disguise
    return Entry(
        key,
        listed.category,
        score,
        any_ending=term.endswith("*"),
        language="" if anywhere else code,
        elsewhere=elsewhere,
        written=unicodedata.normalize("NFC", term.strip("=~*")).casefold() if foreign else "",
        accents=term.startswith("=") or (listed.language in _ACCENTS_MATTER and not term.isascii()),
    )


def _spellings(stem: str, term: str, listed: TermList) -> set[str]:
    """How a term may be written: verb endings where asked, and with a vowel starred out ("d*mn")."""
    found = {stem + ending for ending in _VERB_ENDINGS} if term.endswith("~") else {stem}
    if listed.language == "en" and listed.severity >= 2 and " " not in stem and len(stem) > 3:
        found |= {
            word[:at] + "*" + word[at + 1 :]
            for word in tuple(found)
            for at, char in enumerate(word)
            if 0 < at < len(word) - 1 and char in _VOWELS
        }
    return found


def automaton(entries: Mapping[str, list[Entry]]) -> Any:
    """One Aho–Corasick automaton whose values are tuples of entries."""
    import ahocorasick

    made = ahocorasick.Automaton()
    for key, found in entries.items():
        made.add_word(key, tuple(found))
    made.make_automaton()
    return made


def digest(entries: Mapping[str, list[Entry]]) -> str:
    """A short hash of everything that can change a score."""
    hashed = hashlib.sha256()
    for key, found in entries.items():
        for told in sorted(entry.told() for entry in found):
            hashed.update(f"{key}\t{told}\n".encode())
    return hashed.hexdigest()[:16]
