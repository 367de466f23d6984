"""A classifier that follows a script, for tests of whatever stands around classifiers.

Duty: answer each item as told, and fail loudly when told nothing more. It passes the same contract suite as
the real adapters. An answer of the wrong form can be scripted too: that is what the batcher is tested with.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from classifiers.protocol import ClassifierCard
from classifiers.signals import Modality, Signal, Span

Scores: TypeAlias = Mapping[str, float]
Step: TypeAlias = "Scores | BaseException | Callable[[Any], Scores]"
"""What one item gets: scores by category, an error to raise, or a function of the item (which may block)."""


class ScriptUsedUp(AssertionError):
    """More items came than the script has steps."""


class ScriptedClassifier:
    """Plays one step per item, in order; or, with `always`, the same step for ever.

    `items` holds what was classified, `batches` the sizes of the batches. An exception in a step is raised
    for its whole batch, as a real model's would be.
    """

    def __init__(
        self,
        name: str = "scripted",
        script: Iterable[Step] = (),
        *,
        always: Step | None = None,
        categories: Iterable[str] = ("violence",),
        modality: Modality = Modality.TEXT,
        languages: Iterable[str] = ("*",),
        warmup: Callable[[], None] | None = None,
    ) -> None:
        self._script = list(script)
        self._always = always
        self._warmup = warmup
        self._lock = threading.Lock()
        self.items: list[Any] = []
        self.batches: list[int] = []
        self.closed = 0
        self._card = ClassifierCard(
            name=name,
            kind="scripted",
            revision="script",
            modality=modality,
            categories=frozenset(categories),
            languages=tuple(languages),
            licence="Apache-2.0",
            calibrated=False,
        )

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    @property
    def steps_left(self) -> int:
        """How many steps have not been played; a test may end by asserting 0."""
        return len(self._script)

    def warmup(self) -> None:
        """Run the scripted warm-up, if there is one."""
        if self._warmup is not None:
            self._warmup()

    def classify(self, batch: Sequence[Any]) -> list[tuple[Signal, ...]]:
        """Play the next step for each item.

        Raises:
            ScriptUsedUp: the script has no step left.
        """
        if not batch:
            return []
        with self._lock:
            self.batches.append(len(batch))
            self.items.extend(batch)
            steps = [self._next() for _ in batch]
        return [self._signals(step, item) for step, item in zip(steps, batch, strict=True)]

    def close(self) -> None:
        """Count the call."""
        self.closed += 1

    def _next(self) -> Step:
        if self._script:
            return self._script.pop(0)
        if self._always is not None:
            return self._always
        raise ScriptUsedUp(f"{self._card.name}: the script is used up after {len(self.items) - 1} items")

    def _signals(self, step: Step, item: Any) -> tuple[Signal, ...]:
        if isinstance(step, BaseException):
            raise step
        scores = step(item) if callable(step) else step
        return tuple(
            Signal(category, score, self._card.name, self._card.revision)
            for category, score in scores.items()
        )


class LocatingClassifier(ScriptedClassifier):
    """A scripted classifier that can also say where: every place of `word`, when an edge is asked for.

    `located` holds what it was asked. `answer`, where given, is what `locate` returns or raises instead.
    """

    def __init__(self, name: str = "scripted", *, word: str, answer: Any = None, **script: Any) -> None:
        super().__init__(name, **script)
        self._word = word
        self._answer = answer
        self.located: list[tuple[str, Mapping[str, float]]] = []

    def locate(self, text: str, edges: Mapping[str, float]) -> Any:
        """Return the places of the word, or what the script says."""
        self.located.append((text, edges))
        if isinstance(self._answer, BaseException):
            raise self._answer
        if self._answer is not None:
            return self._answer
        if not self.card.categories & edges.keys():
            return []
        return [Span(*match.span()) for match in re.finditer(re.escape(self._word), text)]
