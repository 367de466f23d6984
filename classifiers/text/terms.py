"""Listed terms as one automaton: how a term may be written, and where it may stand.

Duty: expand lists of terms into spellings that meet flattened texts. It knows no signals.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from classifiers import taxonomy
from classifiers.flatten import flattened

SCORES: Final[Mapping[int, float]] = {1: 0.4, 2: 0.7, 3: 0.95}
"""Severity of a term → score: mild, clear, severe. Ordinal by hand, not calibrated."""

_VERB_ENDINGS: Final = ("", "s", "ed", "er", "ers", "ing", "in")
_VOWELS: Final = "aeiou"
# Scripts written without spaces: a term of theirs needs no word boundary.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)


class TermList(BaseModel):
    """Terms of one language with one category and severity (1 mild, 2 clear, 3 severe)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    terms: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(min_length=1)]
    category: str
    severity: Annotated[int, Field(ge=1, le=3)] = 2
    language: str = "*"

    @field_validator("category")
    @classmethod
    def _known(cls, category: str) -> str:
        if not taxonomy.is_known(category):
            raise ValueError("unknown category; use one of the taxonomy, or your own as custom/NAME")
        return category


class Entry:
    """One expanded term as the automaton knows it; `category` None marks a harmless phrase.

    `start_bound` and `end_bound`: no letter or digit may touch it there; `any_ending`: letters may follow.
    """

    __slots__ = ("any_ending", "category", "end_bound", "length", "score", "start_bound")

    def __init__(self, key: str, category: str | None, score: float, *, any_ending: bool) -> None:
        self.length = len(key)
        self.category = category
        self.score = score
        self.any_ending = any_ending
        self.start_bound = not _UNSPACED.match(key[0])
        self.end_bound = not any_ending and not _UNSPACED.match(key[-1])


def expanded(
    lists: Iterable[TermList], allow: Iterable[str], scores: Mapping[int, float] = SCORES
) -> dict[str, list[Entry]]:
    """Flattened spelling → what it stands for; a spelling of several lists counts for each."""
    made: dict[str, dict[tuple[str | None, bool], Entry]] = {}
    for listed in lists:
        score = scores[listed.severity]
        for term in listed.terms:
            any_ending = term.endswith("*")
            for key in _spellings(term, listed):
                kinds = made.setdefault(key, {})
                before = kinds.get((listed.category, any_ending))
                if before is None or before.score < score:
                    kinds[listed.category, any_ending] = Entry(
                        key, listed.category, score, any_ending=any_ending
                    )
    for phrase in allow:
        key = flattened(phrase)[0].strip()
        made.setdefault(key, {})[None, False] = Entry(key, None, 0.0, any_ending=False)
    return {key: list(kinds.values()) for key, kinds in sorted(made.items()) if key}


def _spellings(term: str, listed: TermList) -> set[str]:
    """How a term may be written: verb endings where asked, and with a vowel starred out ("d*mn")."""
    stem = flattened(term.rstrip("~*"))[0].strip()
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
        for entry in sorted(found, key=lambda entry: (entry.category or "", entry.end_bound)):
            hashed.update(f"{key}\t{entry.category}\t{entry.score}\t{entry.end_bound}\n".encode())
    return hashed.hexdigest()[:16]
