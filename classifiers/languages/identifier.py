"""How likely each language is, word by word: the measure that everything here tells languages by.

Duty: one word → the log-likelihood of each language. The evidence for any run of words is a sum of these: so
a text is split into passages, and a listed term weighed by the words around it, without asking the
identifier again. It knows no passages, no terms and no classifier.

The identifier is py3langid's (BSD-3-Clause), naive Bayes over byte n-grams, its model inside the package. It
guesses wildly on single words; so words of the English list (`classifiers.vocabulary`) and the commonest
words of other languages (`languages.json`) weigh more than their letters say.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from classifiers.vocabulary import frequency
from classifiers.weights import package_file

MODEL_SHA256: Final = "f4f4a2c3465ca1f081541037f9cac23021d68151c2f709c55ae5eedfca522963"
RECIPE: Final = 2
"""Raise it when the same word begins to weigh differently, or the same text to be split otherwise."""

Evidence: TypeAlias = npt.NDArray[np.float32]
"""Log-likelihoods, one per language in the order of `table().languages`."""

_CACHED_WORDS: Final = 16_384  # about 6 MB
_COMMON_WORD: Final = 4.0
"""What a language's own commonest words add to its evidence."""
_ENGLISH_WORD: Final = 2.5
_ENGLISH_FROM: Final = 1_000_000
"""Written so often in the frequency list (about its 20,000 commonest words), a word counts as English."""
_LONGEST_WORD: Final = 40


@dataclass(frozen=True, slots=True)
class Table:
    """What `languages.json` holds.

    `scripts`: a script's languages, by the first word of its characters' Unicode names; all that stand
    nowhere there are written in Latin letters. `siblings`: languages too near each other to be rivals.
    `common`: words with the languages that they are among the commonest of. `borrowed`: names and loans that
    tell nothing.
    """

    languages: tuple[str, ...]
    place: Mapping[str, int]
    scripts: Mapping[str, frozenset[str]]
    siblings: Mapping[str, frozenset[str]]
    common: Mapping[str, frozenset[str]]
    borrowed: re.Pattern[str]

    def places(self, languages: frozenset[str]) -> list[int]:
        """The places of these languages in an `Evidence`, ascending; unknown ones are left out."""
        return sorted(self.place[language] for language in languages if language in self.place)


@functools.lru_cache(maxsize=_CACHED_WORDS)
def evidence(word: str) -> Evidence:
    """Return what one word, in small letters, says for each language; never written to."""
    found = _scores(word[:_LONGEST_WORD])
    known = table()
    if word.isascii() and len(word) > 2 and frequency(word) >= _ENGLISH_FROM:
        found[known.place["en"]] += _ENGLISH_WORD
    for language in known.common.get(word, ()):
        found[known.place[language]] += _COMMON_WORD
    found.flags.writeable = False
    return found


@functools.lru_cache(maxsize=4096)
def script_of(char: str) -> str:
    """Return the first word of a letter's Unicode name: LATIN, CYRILLIC, CJK, …"""
    return unicodedata.name(char, "LATIN").partition(" ")[0]


@functools.cache
def languages_of(script: str) -> frozenset[str]:
    """Return the languages written in a script; for one that none of the known is written in, no language."""
    known = table()
    if script == "HAN":  # Chinese characters in a text without kana
        return frozenset({"zh"})
    if script != "LATIN":
        return known.scripts.get(script, frozenset())
    return frozenset(known.languages).difference(*known.scripts.values()) | {"az", "sr", "ku"}


@functools.cache
def table() -> Table:
    """Return the table of languages, read once."""
    told = json.loads(data())
    loans = "|".join(re.escape(loan) for loan in sorted(told["borrowed"], key=len, reverse=True))
    languages = tuple(sorted(told["languages"]))
    common: dict[str, set[str]] = {}
    for language, words in told["common"].items():
        for word in words.split():
            common.setdefault(word, set()).add(language)
    return Table(
        languages=languages,
        place={language: at for at, language in enumerate(languages)},
        scripts={script: frozenset(used) for script, used in told["scripts"].items()},
        siblings=_siblings(told["siblings"]),
        common={word: frozenset(spoken) for word, spoken in common.items()},
        borrowed=re.compile(rf"(?<![^\W_])(?:{loans})(?![^\W_])"),
    )


@functools.cache
def data() -> str:
    """Return `languages.json` as text: it is part of the revision of what measures by it."""
    return resources.files("classifiers.languages").joinpath("languages.json").read_text("utf-8")


@functools.cache
def revision() -> str:
    """Return a short hash of everything that can change what is found to be in which language."""
    return hashlib.sha256(f"{RECIPE} {MODEL_SHA256} {data()}".encode()).hexdigest()[:16]


def load() -> None:
    """Load the model and the word lists, which otherwise happens at the first text.

    Raises:
        ClassifierConfigError: the package is missing or another version.
    """
    evidence("apple")


def _siblings(groups: Sequence[Sequence[str]]) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for group in groups:
        for language in group:
            found[language] = found.get(language, frozenset()) | frozenset(group)
    return found


def _scores(word: str) -> Evidence:
    from py3langid.langid import visit_counts

    model = _model()
    text = f" {unicodedata.normalize('NFC', word)} ".encode("utf-8", "surrogatepass")
    visits = visit_counts(model.nextmove, model.rows, model.output, text)
    if not visits:
        return np.zeros(len(table().languages), np.float32)
    features = np.fromiter(visits.keys(), dtype=np.intp, count=len(visits))
    counts = np.fromiter(visits.values(), dtype=np.float32, count=len(visits))
    scores: Evidence = np.log1p(counts) @ model.weights[features].astype(np.float32)
    if model.doubles:
        first, second = model.doubles
        scores[first] = np.maximum(scores[first], scores[second])
    return scores[model.order]


@dataclass(frozen=True, slots=True)
class _Model:
    """The identifier's arrays. `order`: its column of each of our languages; `doubles`: two of one label."""

    nextmove: Any
    rows: Any
    output: Any
    weights: npt.NDArray[np.float16]
    order: list[int]
    doubles: tuple[list[int], list[int]] | None


@functools.cache
def _model() -> _Model:
    from py3langid.langid import LanguageIdentifier

    path = package_file("py3langid", "data/model.npz.xz", MODEL_SHA256)
    identifier = LanguageIdentifier.from_model_file(path, norm_probs=False)
    identifier.set_languages(list(table().languages))
    labels = list(identifier.nb_classes)
    pairs = identifier._alias_pairs  # noqa: SLF001  # the labels that stand twice (sr in two scripts)
    return _Model(
        nextmove=identifier.tk_nextmove,
        rows=identifier._rowbase,  # noqa: SLF001  # rows as the walk over the bytes needs them
        output=identifier.tk_output,
        weights=identifier.nb_ptc,
        order=[labels.index(language) for language in table().languages],
        doubles=([first for first, _ in pairs], [second for _, second in pairs]) if pairs else None,
    )
