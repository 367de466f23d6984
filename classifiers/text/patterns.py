"""Operators' own patterns, matched by re2 in linear time.

Duty: say which of the configured patterns a text matches, and where. It knows no words of its own. All
patterns run as one re2 `Set`; only those that matched are run again for their spans.

Patterns are RE2 syntax (no look-around, no back-references), case-insensitive unless they begin with
`(?-i)`. A pattern with a word boundary `\\b` takes ASCII letters for words; use `normalize`'s views for the
rest. Licence of re2: BSD-3-Clause.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from classifiers import taxonomy
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError
from classifiers.signals import Modality, Signal, Span

KIND: Final = "patterns"
_MAX_SPANS: Final = 64  # per pattern and text; more would tell a rewriter nothing new
_MAX_MEMORY_BYTES: Final = 64 << 20


class PatternOptions(BaseModel):
    """One pattern: RE2 syntax, the category it speaks for, and the score in (0, 1] of a match."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    pattern: Annotated[str, Field(min_length=1, max_length=4000)]
    category: str
    score: Annotated[float, Field(gt=0, le=1)] = 1.0

    @field_validator("category")
    @classmethod
    def _known(cls, category: str) -> str:
        if not taxonomy.is_known(category):
            raise ValueError("unknown category; use one of the taxonomy, or your own as custom/NAME")
        return category


class PatternsOptions(BaseModel):
    """At least one pattern; their names differ."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    patterns: Annotated[list[PatternOptions], Field(min_length=1, max_length=1000)]

    @field_validator("patterns")
    @classmethod
    def _named_apart(cls, patterns: list[PatternOptions]) -> list[PatternOptions]:
        names = [pattern.name for pattern in patterns]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise ValueError(f"two patterns are named {double[0]!r}; give each its own name")
        return patterns


class PatternsClassifier:
    """Emits, per category matched, one signal with the highest score of its patterns and all their spans."""

    def __init__(self, name: str, options: PatternsOptions) -> None:
        import re2

        self._patterns = options.patterns
        self._compiled = [_compiled(name, pattern) for pattern in options.patterns]
        settings = re2.Options()
        settings.case_sensitive = False
        settings.max_mem = _MAX_MEMORY_BYTES
        settings.log_errors = False
        self._set = re2.Set.SearchSet(settings)
        for pattern in options.patterns:
            self._set.Add(pattern.pattern)
        # A set that runs out of memory reports no match at all. The empty pattern matches every text, so its
        # absence tells: then the patterns run one by one, which re2 does without that limit.
        self._set.Add("")
        self._set.Compile()
        told = json.dumps([pattern.model_dump() for pattern in options.patterns])
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision="patterns-" + hashlib.sha256(told.encode()).hexdigest()[:16],
            modality=Modality.TEXT,
            categories=frozenset(pattern.category for pattern in options.patterns),
            languages=("*",),
            licence="the operator's own",
            calibrated=False,
            description="The operator's own patterns.",
            by_rule=True,
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> PatternsClassifier:
        """Build from settings.

        Raises:
            ClassifierConfigError: a pattern that re2 does not take (named), or a wrong option.
        """
        return cls(name, parse_options(PatternsOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def classify(self, batch: Sequence[str]) -> list[tuple[Signal, ...]]:
        """Return the signals of each text; a category without a match is silent. Linear in the text."""
        return [self._measure(text) for text in batch]

    def _measure(self, text: str) -> tuple[Signal, ...]:
        found: dict[str, tuple[float, list[Span]]] = {}
        for index in self._matched(text):
            pattern = self._patterns[index]
            score, spans = found.get(pattern.category, (0.0, []))
            found[pattern.category] = (
                max(score, pattern.score),
                spans + _spans(self._compiled[index], text),
            )
        return tuple(
            Signal(
                category,
                score,
                self._card.name,
                self._card.revision,
                spans=tuple(sorted(set(spans), key=lambda span: (span.start, span.end))),
            )
            for category, (score, spans) in sorted(found.items())
        )

    def _matched(self, text: str) -> list[int]:
        """The places of the patterns that match, in order."""
        sentinel = len(self._patterns)
        found: list[int] = sorted(self._set.Match(text))
        if sentinel in found:
            return found[:-1]
        return [at for at, compiled in enumerate(self._compiled) if compiled.search(text)]


def _compiled(name: str, pattern: PatternOptions) -> Any:
    import re2

    settings = re2.Options()
    settings.case_sensitive = False
    settings.log_errors = False
    try:
        return re2.compile(pattern.pattern, settings)
    except re2.error as error:
        cause = error.args[0] if error.args else "not RE2 syntax"
        told = cause.decode("utf-8", "replace") if isinstance(cause, bytes) else str(cause)
        raise ClassifierConfigError(
            f"classifier {name!r}, pattern {pattern.name!r}: {told}. "
            "RE2 knows no look-around and no back-references; see its syntax page."
        ) from error


def _spans(compiled: Any, text: str) -> list[Span]:
    """Where a pattern matches; an empty match has no place to cut."""
    spans: list[Span] = []
    for match in compiled.finditer(text):
        if match.end() > match.start():
            spans.append(Span(match.start(), match.end()))
        if len(spans) == _MAX_SPANS:
            break
    return spans
