"""Cues that a text speaks of a person under 18: ages, words for children, school terms.

Duty: measure the category `minor`, which is no violation by itself. The policies' lock on sexual content with
minors holds on it together with `sexual`; so this classifier rather says too much than too little, but for
words that may mean an adult, whose score stays below the lock's edge.

The cue words (`minor_cues.json`, written for this project, Apache-2.0) cover English broadly and the core
words of thirty more languages; ages are read by `ages`. Blind spots: indirect wording, names of characters
who are minors, looks ("petite"), years of birth; English "girl" and "boy" alone are weak cues on purpose.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from classifiers.flatten import flattened
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard
from classifiers.signals import Modality, Signal, Span
from classifiers.text.ages import minors_ages
from classifiers.text.term_matching import matches, merged
from classifiers.text.terms import TermList, automaton, digest, expanded

KIND: Final = "minor-cues"
CATEGORY: Final = "minor"

SCORES: Final[Mapping[int, float]] = {1: 0.3, 2: 0.6, 3: 0.9}
"""Severity of a cue → score: may also mean an adult, points to a minor, says so. Set by hand."""
AGE_SCORE: Final = 0.9

_AGES_REVISION: Final = 1
"""Raise it when `ages` begins to read a text differently."""


class MinorCuesOptions(BaseModel):
    """`extra` adds words of the operator's own (a school's name, a language); none can be taken away."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    extra: list[Annotated[str, Field(min_length=1, max_length=200)]] = []


class MinorCuesClassifier:
    """Emits one signal of `minor`: the strongest cue's score, every cue's span. Silent without a cue."""

    def __init__(self, name: str, options: MinorCuesOptions) -> None:
        lists, allow = _cues()
        if options.extra:
            lists = (*lists, TermList(terms=options.extra, category=CATEGORY, severity=3))
        entries = expanded(lists, allow, SCORES)
        self._automaton = automaton(entries)
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=f"cues-{_AGES_REVISION}-{digest(entries)}",
            modality=Modality.TEXT,
            categories=frozenset({CATEGORY}),
            languages=tuple(sorted({listed.language for listed in lists} - {"*"})),
            licence="Apache-2.0",
            calibrated=False,
            description="Ages, words for children and school terms: a cue for the lock, no violation.",
            by_rule=True,
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> MinorCuesClassifier:
        """Build from settings.

        Raises:
            ClassifierConfigError: an unknown or wrong option.
        """
        return cls(name, parse_options(MinorCuesOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def classify(self, batch: Sequence[str]) -> list[tuple[Signal, ...]]:
        """Return each text's signal, or none. Linear in the text."""
        return [self._measure(text) for text in batch]

    def _measure(self, text: str) -> tuple[Signal, ...]:
        flat, offsets = flattened(text)
        found = [(start, end, entry.score) for start, end, entry in matches(self._automaton, flat)]
        found += [(start, end, AGE_SCORE) for start, end in minors_ages(flat)]
        if not found:
            return ()
        spans = [
            Span(start, end) if offsets is None else Span(offsets[start], offsets[end - 1] + 1)
            for start, end, _score in found
        ]
        score = max(score for _start, _end, score in found)
        return (Signal(CATEGORY, score, self._card.name, self._card.revision, spans=merged(spans)),)


@functools.cache
def _cues() -> tuple[tuple[TermList, ...], tuple[str, ...]]:
    shipped = json.loads(resources.files("classifiers.text").joinpath("minor_cues.json").read_text("utf-8"))
    lists = tuple(TermList(category=CATEGORY, **listed) for listed in shipped["lists"])
    return lists, tuple(shipped["allow"])
