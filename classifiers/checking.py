"""Whether an answer has the right form: the classifier's own signals, one sequence per item, spans inside.

Duty: turn a wrong form into a `Failure`, so that no caller ever sees it. It knows no threads and no policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from classifiers.protocol import ClassifierCard
from classifiers.signals import Failure, FailureKind, Signal, Span

Answer: TypeAlias = "tuple[Any, ...] | Failure"
"""An item's signals or spans, or why there are none."""


def checked(card: ClassifierCard, answer: object, items: Sequence[Any]) -> Sequence[Answer]:
    """Return the signals per item, or a failure for all of them when the answer's form is wrong."""
    if isinstance(answer, str) or not isinstance(answer, Sequence) or len(answer) != len(items):
        return [_wrong(card, "wrong count")] * len(items)
    return [_checked_item(card, signals, item) for signals, item in zip(answer, items, strict=True)]


def checked_spans(card: ClassifierCard, answer: object, text: str) -> Answer:
    """Return the spans in the order given, or a failure when one is none or lies outside of the text."""
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        return _wrong(card, "not spans")
    spans = tuple(answer)
    return spans if _within(spans, text) else _wrong(card, "span outside the text")


def _checked_item(card: ClassifierCard, signals: object, item: Any) -> Answer:
    if isinstance(signals, str) or not isinstance(signals, Iterable):
        return _wrong(card, "not signals")
    signals = tuple(signals)
    for signal in signals:
        if not isinstance(signal, Signal):
            return _wrong(card, "not a signal")
        if signal.classifier != card.name:
            return _wrong(card, "foreign signal")
        if signal.category not in card.categories:
            return _wrong(card, "category not on the card")
        if signal.spans and not _within(signal.spans, item):
            return _wrong(card, "span outside the text")
    return signals


def _within(spans: Sequence[Span], item: Any) -> bool:
    """Whether all spans point into the text; a picture has nothing to point into."""
    return isinstance(item, str) and all(isinstance(span, Span) and span.end <= len(item) for span in spans)


def _wrong(card: ClassifierCard, detail: str) -> Failure:
    return Failure(card.name, FailureKind.INVALID_OUTPUT, detail)
