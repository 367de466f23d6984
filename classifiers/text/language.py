"""Whether a text is in a language that the trained classifiers don't cover.

Duty: measure the category `uncovered-language`, which is no violation: it says that scores of the trained
classifiers mean little for this text. What follows is the policy's say.

Language identifiers guess wildly on short texts, and prompts are short and full of names and loans ("art
nouveau poster", "Rio de Janeiro"). So names and loans are left out, a text in Latin letters is judged from
three other words on, and the evidence asked for falls with each further word. Thresholds were set on COCO and
T2I-CompBench prompts cut to several lengths (benchmarks/languages.py).

The identifier is py3langid's (BSD-3-Clause), naive Bayes over byte n-grams, its model inside the package.
Blind spots: one or two foreign words, foreign passages in a long English text, dialects, transliteration.
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
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard
from classifiers.signals import Modality, Signal
from classifiers.taxonomy import UNCOVERED_LANGUAGE
from classifiers.text.terms import flattened
from classifiers.weights import package_file

KIND: Final = "language"
MODEL_SHA256: Final = "f4f4a2c3465ca1f081541037f9cac23021d68151c2f709c55ae5eedfca522963"
_RECIPE: Final = 1
"""Raise it when the same text begins to score differently."""

LOW: Final = 0.35
"""The score at which evidence begins to count; the library's lower edge of `low`."""
THRESHOLDS: Final = {3: 15.0, 4: 12.0}
"""Words → how much likelier (log odds of the identifier) another language must be; set on benign prompts."""
LONG_THRESHOLD: Final = 10.0
FEWEST_WORDS: Final = 3
_SHARE_LOW: Final = 0.3
_SHARE_SURE: Final = 0.8
_FEWEST_LETTERS: Final = 4
_LETTERS_OF_A_SIGN: Final = 3  # a Chinese character stands for about so many letters

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_PARTICLES: Final = frozenset(
    {
        "de",
        "del",
        "della",
        "di",
        "da",
        "do",
        "dos",
        "du",
        "des",
        "van",
        "von",
        "der",
        "den",
        "la",
        "le",
        "el",
        "y",
        "e",
    }
)


class LanguageOptions(BaseModel):
    """`covered` are the languages that the trained classifiers cover, as two-letter codes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    covered: Annotated[list[str], Field(min_length=1)] = ["en"]

    @field_validator("covered")
    @classmethod
    def _known(cls, covered: list[str]) -> list[str]:
        unknown = sorted(set(covered) - _told().languages)
        if unknown:
            known = ", ".join(sorted(_told().languages))
            raise ValueError(f"unknown language {', '.join(unknown)}; known: {known}")
        return covered


@dataclass(frozen=True, slots=True)
class _Told:
    """What `language.json` holds; a script's letters are written in its languages alone."""

    languages: frozenset[str]
    scripts: Mapping[str, frozenset[str]]
    borrowed: re.Pattern[str]


class LanguageClassifier:
    """Emits one signal of `uncovered-language` per text; silent where nothing speaks for another language."""

    def __init__(self, name: str, options: LanguageOptions) -> None:
        self._covered = frozenset(options.covered)
        told = f"{_RECIPE} {MODEL_SHA256} {sorted(self._covered)} {_data()}"
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=f"py3langid-{hashlib.sha256(told.encode()).hexdigest()[:16]}",
            modality=Modality.TEXT,
            categories=frozenset({UNCOVERED_LANGUAGE}),
            languages=("*",),
            licence="BSD-3-Clause",
            calibrated=False,
            description=f"Tells texts outside of: {', '.join(sorted(self._covered))}.",
            weights_sha256=MODEL_SHA256,
        )
        self._readable = frozenset(s for s, used in _told().scripts.items() if used & self._covered)
        self._identifier: Any = None

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> LanguageClassifier:
        """Build from settings; loads nothing yet.

        Raises:
            ClassifierConfigError: an unknown option or language.
        """
        return cls(name, parse_options(LanguageOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Check and load the identifier's model.

        Raises:
            ClassifierConfigError: the package is missing or another version.
        """
        self.classify(["a red apple"])

    def classify(self, batch: Sequence[str]) -> list[tuple[Signal, ...]]:
        """Return each text's signal, or none. Linear in the text."""
        if self._identifier is None:
            self._identifier = _loaded()
        return [self._measure(text) for text in batch]

    def _measure(self, text: str) -> tuple[Signal, ...]:
        score = 0.0 if text.isascii() else self._by_script(text)
        if score < LOW:
            score = max(score, self._by_words(text))
        if score <= 0.0:
            return ()
        return (Signal(UNCOVERED_LANGUAGE, score, self._card.name, self._card.revision),)

    def _by_script(self, text: str) -> float:
        """From the share of letters in scripts that no covered language is written in."""
        foreign = readable = 0
        for char in text:
            if char.isascii():
                readable += char.isalpha()
            elif char.isalpha():
                script = _script(char)
                weight = _LETTERS_OF_A_SIGN if script in ("CJK", "HANGUL") else 1
                if script == "LATIN" or script in self._readable:
                    readable += weight
                else:
                    foreign += weight
        if foreign < _FEWEST_LETTERS:
            return 0.0
        share = foreign / (foreign + readable)
        return _between(share, _SHARE_LOW, _SHARE_SURE)

    def _by_words(self, text: str) -> float:
        """From what the identifier makes of the words that are neither names nor loans."""
        words = _telling_words(text)
        if len(words) < FEWEST_WORDS:
            return 0.0
        likely = dict(self._identifier.rank(" ".join(words)))
        covered = max(likely[language] for language in self._covered)
        other = max((score for language, score in likely.items() if language not in self._covered))
        threshold = THRESHOLDS.get(len(words), LONG_THRESHOLD)
        return _between(float(other - covered), threshold, 3 * threshold)


def _between(evidence: float, low: float, sure: float) -> float:
    """`LOW` at `low`, 0.95 from `sure` on, straight in between; below `low` falling to 0."""
    if evidence < low:
        return max(0.0, (LOW - 0.01) * evidence / low)
    return min(0.95, LOW + (0.95 - LOW) * (evidence - low) / (sure - low))


def _telling_words(text: str) -> list[str]:
    """The words of a text in small letters, without borrowed phrases and without names.

    A capital inside a sentence makes a name (and a noun in German, whose other words are enough); so do two
    at its start.
    """
    flat, _offsets = flattened(text)
    loans = {word for loan in _told().borrowed.findall(flat) for word in loan.split()}
    found = list(_WORD.finditer(text))
    capital = [match.group()[0].isupper() for match in found]
    if found and not all(capital) and capital[0] and not (len(capital) > 1 and capital[1]):
        capital[0] = False
    if all(capital):  # a title or a shout: no capital tells anything, unless they are few enough for a name
        capital = [len(found) <= FEWEST_WORDS] * len(found)
    words = []
    for at, match in enumerate(found):
        word = match.group().lower()
        within_name = (
            word in _PARTICLES
            and 0 < at < len(found) - 1
            and capital[at - 1]
            and any(capital[at + 1 : at + 3])
        )
        if not capital[at] and not within_name and not (loans and flattened(word)[0] in loans):
            words.append(word)
    return words


@functools.lru_cache(maxsize=4096)
def _script(char: str) -> str:
    return unicodedata.name(char, "LATIN").partition(" ")[0]


@functools.cache
def _data() -> str:
    return resources.files("classifiers.text").joinpath("language.json").read_text("utf-8")


@functools.cache
def _told() -> _Told:
    told = json.loads(_data())
    loans = "|".join(re.escape(loan) for loan in sorted(told["borrowed"], key=len, reverse=True))
    return _Told(
        languages=frozenset(told["languages"]),
        scripts={script: frozenset(used) for script, used in told["scripts"].items()},
        borrowed=re.compile(rf"(?<![^\W_])(?:{loans})(?![^\W_])"),
    )


def _loaded() -> Any:
    """The identifier over the languages of `language.json`; its model is plain arrays."""
    from py3langid.langid import LanguageIdentifier

    path = package_file("py3langid", "data/model.npz.xz", MODEL_SHA256)
    identifier = LanguageIdentifier.from_model_file(path, norm_probs=False)
    identifier.set_languages(sorted(_told().languages))
    return identifier
