"""The contract between the gateway and a classifier: a card and one batch-first, synchronous method.

A third party writes a class with `card` and `classify`, declares a factory for it under the entry-point group
`imagegate.classifiers`, and subclasses `classifiers.testing.ClassifierContract`. Threads, queues, time-outs
and async are the batcher's business, never the author's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from classifiers.signals import Modality, Signal, Span

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""One picture: height × width × 3, RGB, uint8."""

Mask: TypeAlias = npt.NDArray[np.bool_]
"""One truth value per pixel: height × width."""

Item: TypeAlias = str | Pixels
"""What is classified: a text, or one picture, by the card's modality."""


@dataclass(frozen=True, slots=True)
class ClassifierCard:
    """What a classifier is and what it covers; silence outside `categories` means nothing.

    `name` is the operator's name for this instance, `kind` the adapter's. `revision` changes whenever the
    scores can change (weights, word list, settings). `languages` are BCP 47 tags; `("*",)` means any.
    `reads_text` is true for an image classifier that reads the words in a picture.

    `by_rule` is true for word lists, patterns and identifiers, which weigh languages by themselves. Any other
    text classifier counts as trained for its `languages`: its scores of text that is clearly in another one
    are recorded, and ignored. `unmarked` are the languages that a classifier of `uncovered-language` takes
    for covered.
    """

    name: str
    kind: str
    revision: str
    modality: Modality
    categories: frozenset[str]
    languages: tuple[str, ...]
    licence: str
    calibrated: bool
    description: str = ""
    weights_sha256: str | None = None
    reads_text: bool = False
    by_rule: bool = False
    unmarked: frozenset[str] = frozenset()

    @property
    def trained_for(self) -> frozenset[str] | None:
        """The languages that a trained text classifier knows, two-letter codes; None: any counts."""
        if self.modality is not Modality.TEXT or self.by_rule or "*" in self.languages:
            return None
        return frozenset(tag.partition("-")[0] for tag in self.languages)


@runtime_checkable
class Classifier(Protocol):
    """Measures. Never decides, never thresholds, never sees a policy."""

    @property
    def card(self) -> ClassifierCard:
        """Who this is; constant over the life of the instance."""
        ...

    def classify(self, batch: Sequence[Any]) -> Sequence[Sequence[Signal]]:
        """Return one sequence of signals per item, in the order of the batch.

        Items are `str` (text) or `Pixels` (image). Called from one worker thread at a time. An empty batch
        returns an empty sequence. May raise anything: the caller turns it into a `Failure` for every item.
        """
        ...


@runtime_checkable
class Interruptible(Protocol):
    """A classifier whose work on a batch has steps, between which others can be served."""

    def classify_in_steps(
        self, batch: Sequence[Any], between: Callable[[], None]
    ) -> Sequence[Sequence[Signal]]:
        """Do as `classify`, and call `between` after each step but the last.

        `between` may call `classify` of this classifier, in the same thread.
        """
        ...


@runtime_checkable
class Warmable(Protocol):
    """A classifier with something to load or compile before the first request."""

    def warmup(self) -> None:
        """Load weights and run once; called in the worker thread before readiness."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A classifier that holds something to give back."""

    def close(self) -> None:
        """Release what is held; called once, in the worker thread."""
        ...


@runtime_checkable
class FollowsLanguages(Protocol):
    """A classifier whose measure depends on which languages the trained ones beside it cover."""

    def following(self, languages: frozenset[str] | None) -> Classifier:
        """Return this classifier for these languages, two-letter codes; None: any language is covered.

        Called once, when all configured classifiers are built. What an operator set by an option stays.
        """
        ...


@runtime_checkable
class Locatable(Protocol):
    """A classifier of texts that can say which words a score comes from, where `classify` doesn't.

    Finding them costs far more than a score, so it is asked only when somebody needs them: a rewrite is due,
    a reviewer looks.
    """

    def locate(self, text: str, edges: Mapping[str, float]) -> Sequence[Span]:
        """Return what to leave out of a text so that it scores below each category's edge.

        The spans point into `text`, are sorted and don't overlap. None where the text is below all `edges`;
        categories that are not on the card count for nothing. The cost is bounded whatever the text: about
        its own, and a stated number of rows of the model. Called as `classify` is, and may raise anything.
        """
        ...


ClassifierFactory: TypeAlias = Callable[[str, Mapping[str, object]], Classifier]
"""`factory(name, options) -> Classifier`, named by an entry point; raises `ClassifierConfigError`."""


class ClassifierConfigError(Exception):
    """The settings of a classifier are wrong; the message names the option and the fix."""


def covered_languages(cards: Iterable[ClassifierCard]) -> frozenset[str] | None:
    """Return the languages that some trained text classifier among `cards` knows; None: any.

    Empty where none is trained.
    """
    trained = [card for card in cards if card.modality is Modality.TEXT and not card.by_rule]
    known = [card.trained_for for card in trained]
    if None in known:
        return None
    return frozenset().union(*(languages for languages in known if languages is not None))
