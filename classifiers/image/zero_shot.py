"""What zero-shot classifiers share: the descriptions they compare a picture with, given in the settings.

Duty: check the descriptions and put them in one row. It loads nothing and knows no model.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import field_validator

from classifiers.image.concepts import BENIGN, CONCEPTS
from classifiers.image.hub import HubOptions
from classifiers.taxonomy import is_known


class ZeroShotOptions(HubOptions):
    """What an operator may set, beside the model's place.

    `concepts` maps a category to descriptions of it; `benign` lists what merely looks alike. Both have a
    default table (`classifiers.image.concepts`); one that is given replaces it whole.
    """

    concepts: Mapping[str, tuple[str, ...]] = CONCEPTS
    benign: tuple[str, ...] = BENIGN

    @field_validator("concepts")
    @classmethod
    def _check_concepts(cls, concepts: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        if not concepts:
            raise ValueError("name at least one category")
        for category, prompts in concepts.items():
            if not is_known(category):
                raise ValueError(f"{category!r} is no category; an own one begins with custom/")
            if not prompts or not all(prompt.strip() for prompt in prompts):
                raise ValueError(f"{category!r} needs at least one description, none of them empty")
        return concepts

    @field_validator("benign")
    @classmethod
    def _check_benign(cls, benign: tuple[str, ...]) -> tuple[str, ...]:
        if not benign or not all(prompt.strip() for prompt in benign):
            raise ValueError("needs at least one description, none of them empty: without them all is harm")
        return benign

    def prompts(self) -> list[str]:
        """All descriptions in one row: the benign ones first, then each category's."""
        return [*self.benign, *(prompt for prompts in self.concepts.values() for prompt in prompts)]

    def spans(self) -> dict[str, tuple[int, int]]:
        """Per category, the half-open range of its descriptions in `prompts`."""
        spans, start = {}, len(self.benign)
        for category, descriptions in self.concepts.items():
            spans[category] = (start, start + len(descriptions))
            start += len(descriptions)
        return spans
