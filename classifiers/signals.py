"""What classifiers emit: signals, failures and a stage's findings. Frozen, and without any threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Modality(StrEnum):
    """What a classifier looks at."""

    TEXT = "text"
    IMAGE = "image"


class FailureKind(StrEnum):
    """Why a classifier gave no measurement. A failure is never a score."""

    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    INVALID_OUTPUT = "invalid_output"
    WORKER_DEAD = "worker_dead"
    OVERLOADED = "overloaded"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range `[start, end)` of code points in the text that was classified."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"span [{self.start}, {self.end}) is empty or negative")


@dataclass(frozen=True, slots=True)
class Signal:
    """One measurement.

    `score` lies in [0, 1], higher = more harmful. `view` names the form of the text that was measured
    (`original`, `normalised`, …; empty for pictures). `spans` point into the text as written. `concept` is
    what a classifier of things saw behind the category, in a word or two ("knife"), where it can say.
    `outside`: of text in a language that the classifier was not trained for. Such a score is recorded, and no
    rule and no lock counts it.

    Raises:
        ValueError: the score is not a finite number in [0, 1].
    """

    category: str
    score: float
    classifier: str
    revision: str
    view: str = ""
    spans: tuple[Span, ...] = ()
    concept: str = ""
    outside: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.score) and 0.0 <= self.score <= 1.0):
            raise ValueError(f"score of {self.category} is not in [0, 1]")


@dataclass(frozen=True, slots=True)
class Failure:
    """A classifier gave no measurement. `detail` names an error class, never the content judged."""

    classifier: str
    kind: FailureKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """A stage's whole evidence: every signal, every failure, and which classifiers really looked.

    `carried` are signals of an earlier stage of the same request, or of another part of the same input: they
    count for the locked rules alone.
    """

    signals: tuple[Signal, ...] = ()
    failures: tuple[Failure, ...] = ()
    inspected_by: tuple[str, ...] = ()
    carried: tuple[Signal, ...] = ()
