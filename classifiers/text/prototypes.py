"""A prompt judged by examples: how much more it resembles what offends than what only looks like it.

Duty: turn example sentences, shipped and the operator's own, into a classifier over MiniLM embeddings.
`prototypes.json` holds the shipped examples (written for this project, Apache-2.0); MiniLM is Apache-2.0.

Blind spots: English only (other languages by loan words alone); meaning that needs the world rather than the
words (a harmless text whose picture offends); negation; rare slang; names of real people. Figures on prompts
held apart are printed by `benchmarks/prototypes_dev.py`.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator
from threadpoolctl import threadpool_limits

from classifiers import taxonomy
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, ClassifierConfigError
from classifiers.signals import Modality, Signal, Span
from classifiers.text.encoder import WEIGHTS_SHA256, Runtime, SentenceEncoder
from classifiers.text.occlusion import excess, offending_spans, over_edges
from classifiers.text.similarity import Calibration, ExampleScorer

KIND: Final = "prototypes"

Sentences = list[Annotated[str, Field(min_length=1, max_length=500)]]


class CategoryExamples(BaseModel):
    """What belongs to a category, and what only looks like it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    examples: Annotated[Sentences, Field(min_length=3)]
    counter_examples: Sentences = []


class PrototypesOptions(BaseModel):
    """`categories` adds categories of the operator's own (`custom/NAME`), or examples to shipped ones.

    `builtin: false` leaves the shipped categories out (their benign prompts still count against). `runtime`
    is `auto`, `onnx` or `torch`; `cache_dir` keeps the exported ONNX file. `spans: false` saves the search
    for the words to cut when a rewrite is due.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    categories: dict[str, CategoryExamples] = {}
    builtin: bool = True
    runtime: Runtime = "auto"
    cache_dir: Path | None = None
    spans: bool = True

    @field_validator("categories")
    @classmethod
    def _known(cls, categories: dict[str, CategoryExamples]) -> dict[str, CategoryExamples]:
        for category in categories:
            if not taxonomy.is_known(category):
                raise ValueError(
                    f"unknown category {category!r}; use one of the taxonomy, or your own as custom/NAME"
                )
        return categories


@dataclass(frozen=True, slots=True)
class Examples:
    """All sentences that decide, and the curve fitted for them."""

    benign: tuple[str, ...]
    positive: Mapping[str, tuple[str, ...]]
    counter: Mapping[str, tuple[str, ...]]
    calibration: Calibration


class PrototypesClassifier:
    """Emits one signal per category and text; the highest-scoring window of a long text counts."""

    def __init__(self, name: str, options: PrototypesOptions) -> None:
        self._examples = _with_own(shipped_examples(), options)
        if not self._examples.positive:
            raise ClassifierConfigError(
                f"classifier {name!r}: no category is left; give one under categories"
            )
        self._encoder = SentenceEncoder(options.runtime, options.cache_dir)
        self._spans = options.spans
        self._scorer: ExampleScorer | None = None
        self._card = ClassifierCard(
            name=name,
            kind=KIND,
            revision=f"examples-{_digest(self._examples, self._encoder.runtime)}",
            modality=Modality.TEXT,
            categories=frozenset(self._examples.positive),
            languages=("en",),
            licence="Apache-2.0",
            calibrated=True,
            description="Likeness to example prompts, by MiniLM sentence embeddings.",
            weights_sha256=WEIGHTS_SHA256,
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> PrototypesClassifier:
        """Build from settings; loads nothing yet.

        Raises:
            ClassifierConfigError: an unknown option or category, or fewer than three examples.
        """
        return cls(name, parse_options(PrototypesOptions, name, KIND, options))

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Load the encoder (exporting it at the very first start) and embed the examples.

        Raises:
            ClassifierConfigError: the weights are missing or not the pinned ones.
        """
        self._ready()

    def classify(self, batch: Sequence[str]) -> list[tuple[Signal, ...]]:
        """Return every category's signal for each text.

        Raises:
            TextTooLong: a text of more than `windows.MAX_CHARACTERS`.
        """
        if not batch:
            return []
        scorer = self._ready()
        windows = [self._encoder.windows(text) for text in batch]
        scores = scorer.scores(self._encoder.embed([window for each in windows for window in each]))
        answers, at = [], 0
        for each in windows:
            answers.append(self._signals(scores[at : at + len(each)].max(axis=0)))
            at += len(each)
        return answers

    def locate(self, text: str, edges: Mapping[str, float]) -> tuple[Span, ...]:
        """Return what to leave out; costs a look at each window, and `occlusion.MAX_ROWS` rows.

        Raises:
            TextTooLong: as `classify`.
        """
        scorer = self._ready()
        mine = [at for at, category in enumerate(scorer.categories) if category in edges]
        if not self._spans or not mine:
            return ()
        lines = [edges[scorer.categories[at]] for at in mine]
        windows = self._encoder.windows(text)
        scores = scorer.scores(self._encoder.embed(windows))[:, mine]

        def over(texts: Sequence[str]) -> list[float]:
            return excess(scorer.scores(self._encoder.encode(texts))[:, mine], lines)

        return offending_spans(
            text,
            ((w.start, w.end, o) for w, o in zip(windows, over_edges(scores, lines), strict=True)),
            over,
        )

    def _signals(self, scores: np.ndarray) -> tuple[Signal, ...]:
        return tuple(
            Signal(category, float(score), self._card.name, self._card.revision)
            for category, score in zip(self._ready().categories, scores, strict=True)
        )

    def _ready(self) -> ExampleScorer:
        if self._scorer is None:
            # One thread per worker, for the whole process: on small products BLAS's helpers mostly spin, and
            # they cost more CPU than the encoder (benchmarks/gate.py shows them as native threads).
            threadpool_limits(limits=1, user_api="blas")
            self._encoder.load()
            examples = self._examples
            self._scorer = ExampleScorer(
                {category: self._encoder.encode(texts) for category, texts in examples.positive.items()},
                {
                    category: self._encoder.encode(texts)
                    for category, texts in examples.counter.items()
                    if texts
                },
                self._encoder.encode(examples.benign),
                examples.calibration,
            )
        return self._scorer


@functools.cache
def shipped_examples() -> Examples:
    """The examples of `prototypes.json`."""
    shipped = json.loads(resources.files("classifiers.text").joinpath("prototypes.json").read_text("utf-8"))
    categories = shipped["categories"]
    return Examples(
        benign=tuple(shipped["benign"]),
        positive={category: tuple(listed["examples"]) for category, listed in categories.items()},
        counter={category: tuple(listed["counter_examples"]) for category, listed in categories.items()},
        calibration=Calibration(**shipped["calibration"]),
    )


def _with_own(shipped: Examples, options: PrototypesOptions) -> Examples:
    positive = dict(shipped.positive) if options.builtin else {}
    counter = dict(shipped.counter) if options.builtin else {}
    for category, own in options.categories.items():
        positive[category] = (*positive.get(category, ()), *own.examples)
        counter[category] = (*counter.get(category, ()), *own.counter_examples)
    return Examples(shipped.benign, positive, counter, shipped.calibration)


def _digest(examples: Examples, runtime: str) -> str:
    """A short hash of everything that can change a score."""
    told = [
        WEIGHTS_SHA256,
        runtime,
        [examples.calibration.slope, examples.calibration.offset],
        examples.benign,
        sorted(examples.positive.items()),
        sorted(examples.counter.items()),
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
