"""Which words of a judged text are at fault: asked only when a rewrite is due, or when a person looks.

Duty: turn a decision into the spans of its text that its rules' categories come from. Some classifiers say so
with every score (`Signal.spans`); one that measures scores alone is asked here, once, about the view in which
it found most. One that fails, or is too slow, leaves what is known without it: a rewriter can work without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from classifiers.batching import ClassifierFailed
from classifiers.normalize import ORIGINAL, View
from classifiers.signals import Signal, Span
from classifiers.steering import PART
from policies.decision import Action, Decision

WITHIN_S: Final = 5.0
"""How long the search for words may take, seconds, waiting included."""


ViewsOf: TypeAlias = Callable[[str], Awaitable[Sequence[View]]]
"""`await views_of(classifier)`: the views of the text that this classifier is asked about, in order."""


class Locator(Protocol):
    """A classifier behind its batcher, as far as it says where."""

    async def locate(self, text: str, edges: Mapping[str, float]) -> tuple[Span, ...]:
        """Return what to leave out of a text, or raise `ClassifierFailed`."""
        ...


async def at_fault(
    text: str, decision: Decision, locators: Mapping[str, Locator], views_of: ViewsOf
) -> tuple[Span, ...]:
    """Return the spans of `text` that the decision's categories come from, sorted; they may overlap."""
    search = _Search(text, _edges(decision), views_of)
    asked: dict[str, list[Signal]] = {}
    for signal in decision.findings.signals:
        if signal.category in search.edges and not signal.outside:
            asked.setdefault(signal.classifier, []).append(signal)
    found = await asyncio.gather(
        *(search.of_one(name, signals, locators.get(name)) for name, signals in asked.items())
    )
    return tuple(sorted({span for spans in found for span in spans}, key=lambda span: (span.start, span.end)))


def _edges(decision: Decision) -> dict[str, float]:
    """Category → the lowest score that a matched rule asks of it."""
    edges: dict[str, float] = {}
    for hit in decision.rules:
        if hit.category and hit.action > Action.ALLOW:
            edges[hit.category] = min(hit.threshold, edges.get(hit.category, 1.0))
    return edges


@dataclass(frozen=True, slots=True)
class _Search:
    """One text, the score below which each category is to come, and its views."""

    text: str
    edges: Mapping[str, float]
    views_of: ViewsOf

    async def of_one(self, name: str, signals: Sequence[Signal], locator: Locator | None) -> list[Span]:
        """What one classifier says: the words that it is asked for, else those that came with its scores."""
        given = [span for signal in signals for span in signal.spans]
        strong = [signal for signal in signals if signal.score >= self.edges[signal.category]]
        if locator is None or not strong:
            return given
        # The text as written where its score is high enough by itself, else the view that scored highest.
        view = await self._view(name, max(strong, key=lambda s: (s.view == ORIGINAL, s.score)))
        try:
            async with asyncio.timeout(WITHIN_S):
                located = await locator.locate(view.text, self.edges)
        except (ClassifierFailed, TimeoutError):
            return given
        return [view.to_original(span) for span in located] or given

    async def _view(self, name: str, signal: Signal) -> View:
        if signal.view == PART and signal.spans:
            start, end = min(span.start for span in signal.spans), max(span.end for span in signal.spans)
            return View(PART, self.text[start:end], range(start, end), range(start + 1, end + 1))
        if signal.view not in (ORIGINAL, PART):
            for view in await self.views_of(name):
                if view.name == signal.view:
                    return view
        whole = range(len(self.text) + 1)
        return View(ORIGINAL, self.text, whole[:-1], whole[1:])
