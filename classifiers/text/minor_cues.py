"""Cues that a text speaks of a person under 18: ages, words for children, school terms.

Duty: measure the category `minor`, which is no violation by itself. The policies' lock on sexual content with
minors holds on it together with `sexual`; so this classifier rather says too much than too little, but for
words that may mean an adult, whose score stays below the lock's edge. A cue counts in a text of any language,
but for those in which the same letters are known to be another word.

The cue words (`minor_cues.json`, written for this project, Apache-2.0) cover English broadly and the core
words of thirty more languages; ages are read by `ages`. Blind spots: indirect wording, names of characters
who are minors, looks ("petite"), years of birth; English "girl" and "boy" alone are weak cues on purpose.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from classifiers.flatten import flattened
from classifiers.languages.identifier import revision
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard
from classifiers.signals import Modality, Signal, Span
from classifiers.text.ages import minors_ages
from classifiers.text.standing import Place, is_written
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
        lists = _cues().lists
        if options.extra:
            lists = (*lists, TermList(terms=options.extra, category=CATEGORY, severity=3))
        entries = expanded(lists, _cues().allow, SCORES, _cues().elsewhere)
        self._automaton = automaton(entries)
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=f"cues-{_AGES_REVISION}-{digest(entries)}-{revision()[:8]}",
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
        place = Place(text)
        found: list[tuple[float, Span]] = []
        for start, end, entry in matches(self._automaton, flat):
            span = _in_text(offsets, start, end)
            as_listed = not entry.accents or is_written(entry, text[span.start : span.end])
            if as_listed and not place.clearly_in(entry.elsewhere - {entry.language}, span.start):
                found.append((entry.score, span))
        found += [(AGE_SCORE, _in_text(offsets, start, end)) for start, end in minors_ages(flat)]
        if not found:
            return ()
        score = max(score for score, _span in found)
        spans = merged([span for _score, span in found])
        return (Signal(CATEGORY, score, self._card.name, self._card.revision, spans=spans),)


def _in_text(offsets: list[int] | None, start: int, end: int) -> Span:
    """The place in the text as written of a range of the flattened one."""
    return Span(start, end) if offsets is None else Span(offsets[start], offsets[end - 1] + 1)


@dataclass(frozen=True, slots=True)
class _Cues:
    """What `minor_cues.json` holds."""

    lists: tuple[TermList, ...]
    allow: tuple[str, ...]
    elsewhere: Mapping[str, str]


@functools.cache
def _cues() -> _Cues:
    shipped = json.loads(resources.files("classifiers.text").joinpath("minor_cues.json").read_text("utf-8"))
    lists = tuple(TermList(category=CATEGORY, **listed) for listed in shipped["lists"])
    return _Cues(lists, tuple(shipped["allow"]), shipped["elsewhere"])
