"""A classifier as somebody else would write it, in a package of their own.

Its pyproject.toml names the factory:

    [project.entry-points."imagegate.classifiers"]
    shouting = "shouting:ShoutingClassifier.from_options"

and an operator's settings name the type:

    classifiers:
      shouting: {type: shouting, options: {at_least: 12}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from classifiers.protocol import ClassifierCard, ClassifierConfigError
from classifiers.signals import Modality, Signal, Span

REVISION = "1"


class ShoutingClassifier:
    """Measures how much of a text is written in capital letters; needs neither weights nor a library."""

    def __init__(self, name: str, at_least: int) -> None:
        self._at_least = at_least
        self._card = ClassifierCard(
            name=name,
            kind="shouting",
            revision=f"{REVISION}-{at_least}",  # another option gives other scores, so it is part of it
            modality=Modality.TEXT,
            categories=frozenset({"custom/shouting"}),
            languages=("*",),
            licence="Apache-2.0",
            calibrated=False,
            description="The share of capital letters; blind to scripts that have none.",
        )

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, object]) -> ShoutingClassifier:
        """Return the classifier that the settings describe.

        Raises:
            ClassifierConfigError: an option is wrong; the message names it and the fix.
        """
        at_least = options.get("at_least", 12)
        if not isinstance(at_least, int) or at_least < 1 or options.keys() - {"at_least"}:
            raise ClassifierConfigError("give at_least, a number of letters from 1, or no option at all")
        return cls(name, at_least)

    @property
    def card(self) -> ClassifierCard:
        """Who this is."""
        return self._card

    def classify(self, batch: Sequence[str]) -> Sequence[Sequence[Signal]]:
        """Return one signal per text, in order; the score is in [0, 1]."""
        return [[self._signal(text)] for text in batch]

    def _signal(self, text: str) -> Signal:
        letters = [character for character in text if character.isalpha()]
        capitals = sum(character.isupper() for character in letters)
        score = capitals / len(letters) if len(letters) >= self._at_least else 0.0
        spans = (Span(0, len(text)),) if score > 0.5 else ()
        return Signal("custom/shouting", score, self._card.name, self._card.revision, spans=spans)
