"""Whether a text holds passages in a language that the trained classifiers don't cover.

Duty: measure the category `uncovered-language`, which is no violation: it says that scores of the trained
classifiers are ignored for a passage of this text. Rules decide what follows.

Language identifiers guess wildly on short texts, and prompts are short and full of names and loans ("art
nouveau poster", "Rio de Janeiro"). So a passage is marked only where its language is clear
(`classifiers.languages.passages`); in doubt it counts as covered. Figures: benchmarks/languages.py.

The identifier is py3langid's (BSD-3-Clause). Blind spots: one or two foreign words, dialects,
transliteration, languages so near to a covered one that a sentence may be either.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from classifiers.languages.identifier import MODEL_SHA256, load, revision, table
from classifiers.languages.passages import LONG_THRESHOLD, THRESHOLDS, Passage, passages
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard
from classifiers.signals import Modality, Signal
from classifiers.taxonomy import UNCOVERED_LANGUAGE

KIND: Final = "language"
_RECIPE: Final = 2
"""Raise it when the same text begins to score differently."""

LOW: Final = 0.35
"""The score of a passage whose language is only just clear; the library's lower edge of `low`."""
ALONE: Final = ("en",)
"""What counts as covered where no trained classifier is configured."""
_SURE: Final = 0.95


class LanguageOptions(BaseModel):
    """`covered` are the languages that the trained classifiers cover, as two-letter codes.

    Left out, it follows the cards of the trained classifiers that are configured beside this one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    covered: Annotated[list[str], Field(min_length=1)] | None = None

    @field_validator("covered")
    @classmethod
    def _known(cls, covered: list[str] | None) -> list[str] | None:
        unknown = sorted(set(covered or ()) - set(table().languages))
        if unknown:
            known = ", ".join(table().languages)
            raise ValueError(f"unknown language {', '.join(unknown)}; known: {known}")
        return covered


class LanguageClassifier:
    """Emits one signal of `uncovered-language` per text; silent where all is covered or in doubt."""

    def __init__(self, name: str, options: LanguageOptions) -> None:
        self._options = options
        self._covered = frozenset(options.covered or ALONE)
        told = f"{_RECIPE} {revision()} {sorted(self._covered)}"
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
            by_rule=True,
            unmarked=self._covered,
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> LanguageClassifier:
        """Build from settings; loads nothing yet.

        Raises:
            ClassifierConfigError: an unknown option or language.
        """
        return cls(name, parse_options(LanguageOptions, name, KIND, options))

    def following(self, languages: frozenset[str] | None) -> LanguageClassifier:
        """Return one that takes these for covered, of those that it can tell; None: all of them."""
        if self._options.covered is not None or (languages is not None and not languages):
            return self
        known = set(table().languages) if languages is None else languages & set(table().languages)
        return LanguageClassifier(self._card.name, LanguageOptions(covered=sorted(known)))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Check and load the identifier's model.

        Raises:
            ClassifierConfigError: the package is missing or another version.
        """
        load()

    def classify(self, batch: Sequence[str]) -> list[tuple[Signal, ...]]:
        """Return each text's signal, or none. Linear in the text."""
        return [self._measure(text) for text in batch]

    def _measure(self, text: str) -> tuple[Signal, ...]:
        found = [passage for passage in passages(text, self._covered) if not passage.covered]
        if not found:
            return ()
        share = sum(passage.end - passage.start for passage in found) / len(text)
        score = max(_score(passage, share) for passage in found)
        return (Signal(UNCOVERED_LANGUAGE, score, self._card.name, self._card.revision),)


def _score(passage: Passage, share: float) -> float:
    """From `LOW` upwards: by the evidence; for a script of its own, by the share of the text outside."""
    if math.isinf(passage.evidence):
        return LOW + (_SURE - LOW) * share
    threshold = THRESHOLDS.get(passage.words, LONG_THRESHOLD)
    return min(_SURE, max(LOW, LOW + (_SURE - LOW) * (passage.evidence - threshold) / (2 * threshold)))
