"""What every classifier by one transformers or diffusers model shares: its life, and pixels to signals.

Duty: load on first use, prepare, measure, drop. What the model is and what its numbers mean is a subclass's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from classifiers.image.hub import HubOptions, hub_card
from classifiers.image.pixels import pictures_of
from classifiers.options import parse_options
from classifiers.protocol import ClassifierCard, Pixels
from classifiers.signals import Signal
from classifiers.weights import ResolvedModel

Options = TypeVar("Options", bound=HubOptions)


class HubImageClassifier(ABC, Generic[Options]):
    """An image classifier over a model in a folder or on a hub."""

    kind: ClassVar[str]
    options_class: ClassVar[type[HubOptions]]

    def __init__(
        self,
        name: str,
        options: Options,
        resolved: ResolvedModel,
        *,
        categories: Iterable[str],
        description: str,
    ) -> None:
        self._options = options
        self._resolved = resolved
        self._model: Any = None
        self._processor: Any = None
        self._card = hub_card(
            name, self.kind, options, resolved, categories=categories, description=description
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> Self:
        """Make one from settings.

        Raises:
            ClassifierConfigError: an unknown or ill-typed option, an unpinned hub id, a folder without a
                model, or what the class's own options forbid.
        """
        return cls(name, parse_options(cls.options_class, name, cls.kind, options))  # type: ignore[call-arg, arg-type]

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def warmup(self) -> None:
        """Load and run once on a grey square."""
        self.classify([np.full((64, 64, 3), 128, dtype=np.uint8)])

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Signal]]:
        """Return the signals of each picture (H × W × 3 uint8), in order, for every covered category."""
        if not batch:
            return []
        if self._model is None:
            self._load()
        return [self._signals(row) for row in self._infer(self._prepare(batch))]

    def close(self) -> None:
        """Drop the model."""
        self._model = self._processor = None

    def _prepare(self, batch: Sequence[Pixels]) -> Any:
        tensors = self._processor(images=pictures_of(batch), return_tensors="pt")["pixel_values"]
        return tensors.to(self._options.device, self._model.dtype)

    @abstractmethod
    def _load(self) -> None:
        """Set `_processor`, and last `_model`."""

    @abstractmethod
    def _infer(self, inputs: Any) -> Any:
        """Return a row per picture of what `_prepare` made."""

    @abstractmethod
    def _signals(self, row: Any) -> tuple[Signal, ...]:
        """Return what a row means."""
