"""A word list: terms with category and severity, found as whole words in one pass.

Duty: say which listed terms a text holds, and where. It measures words, not meaning: a list finds little of
what people judge harmful and flags harmless uses, so it adds a signal and can't be the classifier.

A term counts in the language that it is listed for: `standing` says what it is worth where it stands. The
default list (`wordlist.json`, written for this project, Apache-2.0) covers English broadly and thirty
languages thinly. Blind spots: paraphrase, languages and dialects outside the list, reclaimed words,
inflections beyond those listed. Disguised spelling is the business of `classifiers.normalize`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from classifiers.flatten import flattened
from classifiers.languages.identifier import revision
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError
from classifiers.signals import Modality, Signal, Span
from classifiers.text.standing import Place
from classifiers.text.term_matching import matches, merged
from classifiers.text.terms import TermList, automaton, digest, expanded

KIND: Final = "wordlist"


class WordlistOptions(BaseModel):
    """`languages` keeps only these parts of the default list; `default_list: false` leaves it out.

    `extra` adds lists of the operator's own (`*` at a term's end allows any ending). `allow` names harmless
    terms or phrases: what lies inside one does not count.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    default_list: bool = True
    languages: list[str] | None = None
    extra: list[TermList] = []
    allow: list[Annotated[str, Field(min_length=1, max_length=200)]] = []


class WordlistClassifier:
    """Emits, per category found, one signal with the highest score of its terms and all their spans."""

    def __init__(self, name: str, options: WordlistOptions) -> None:
        lists = list(options.extra)
        allow = list(options.allow)
        if options.default_list:
            default, harmless = default_lists()
            lists += _chosen(name, default, options.languages)
            allow += harmless
        elif options.languages is not None:
            raise ClassifierConfigError(
                f"classifier {name!r}, option languages: it chooses from the default list, which is off"
            )
        if not lists:
            raise ClassifierConfigError(f"classifier {name!r}: no list is left; give one under extra")
        entries = expanded(lists, allow, elsewhere=shared_words())
        self._automaton = automaton(entries)
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=f"words-{digest(entries)}-{revision()[:8]}",
            modality=Modality.TEXT,
            categories=frozenset(listed.category for listed in lists),
            languages=tuple(sorted({listed.language for listed in lists})),
            licence="Apache-2.0",
            calibrated=False,
            description="Whole-word matches of listed terms with category and severity.",
            by_rule=True,
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> WordlistClassifier:
        """Build from settings.

        Raises:
            ClassifierConfigError: an unknown option, category or language, or no list at all.
        """
        return cls(name, parse_options(WordlistOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def classify(self, batch: Sequence[str]) -> list[tuple[Signal, ...]]:
        """Return the signals of each text; a category without a match is silent. Linear in the text."""
        return [self._measure(text) for text in batch]

    def _measure(self, text: str) -> tuple[Signal, ...]:
        flat, offsets = flattened(text)
        place = Place(text)
        found: dict[str, tuple[float, list[Span]]] = {}
        for start, end, entry in matches(self._automaton, flat):
            assert entry.category is not None
            span = Span(start, end) if offsets is None else Span(offsets[start], offsets[end - 1] + 1)
            counts = place.score(entry, span.start, span.end)
            if counts > 0.0:
                score, spans = found.get(entry.category, (0.0, []))
                found[entry.category] = (max(score, counts), [*spans, span])
        return tuple(
            Signal(category, score, self._card.name, self._card.revision, spans=merged(spans))
            for category, (score, spans) in sorted(found.items())
        )


@functools.cache
def default_lists() -> tuple[tuple[TermList, ...], tuple[str, ...]]:
    """The shipped lists and the shipped harmless phrases."""
    shipped = _shipped()
    return tuple(TermList(**listed) for listed in shipped["lists"]), tuple(shipped["allow"])


@functools.cache
def shared_words() -> Mapping[str, str]:
    """The flattened terms whose letters are another word elsewhere, with the codes of those languages."""
    shared: Mapping[str, str] = _shipped()["elsewhere"]
    return shared


@functools.cache
def _shipped() -> Any:
    return json.loads(resources.files("classifiers.text").joinpath("wordlist.json").read_text("utf-8"))


def _chosen(name: str, lists: Iterable[TermList], languages: list[str] | None) -> list[TermList]:
    if languages is None:
        return list(lists)
    chosen = [listed for listed in lists if listed.language in languages]
    missing = set(languages) - {listed.language for listed in chosen}
    if missing:
        known = ", ".join(sorted({listed.language for listed in lists}))
        raise ClassifierConfigError(
            f"classifier {name!r}, option languages: no list for {', '.join(sorted(missing))}; known: {known}"
        )
    return chosen
