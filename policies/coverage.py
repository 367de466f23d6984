"""Who looks for what at a stage, and what nobody looks for.

Duty: set the planned classifiers' cards against what the stage's material can show. A card that names a
category covers that one alone: detecting `sexual` is not detecting `sexual/minors`, and who sees
`violence/graphic` does not see every violence. What a lock makes of several families is covered where all of
them are. Pure; no score is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from classifiers.protocol import ClassifierCard
from classifiers.signals import Modality
from classifiers.taxonomy import CATEGORIES, PICTURED_CATEGORIES, TEXT_IN_PICTURE
from policies.locks import LOCKS


@dataclass(frozen=True, slots=True)
class StageCoverage:
    """What a stage's material can show, and which classifier looks for which of it.

    `relevant` stands in the taxonomy's order; for pictures it ends with the words in them. `by_classifier`
    holds the planned classifiers alone, in the policy's order, each with all that its card covers.
    """

    relevant: tuple[str, ...]
    by_classifier: Mapping[str, frozenset[str]]

    def uncovered(self, looked: Iterable[str]) -> tuple[str, ...]:
        """Return what none of the classifiers `looked` looks for, in the order of `relevant`."""
        seen: frozenset[str] = frozenset()
        for name in looked:
            seen |= self.by_classifier.get(name, frozenset())
        seen |= {lock.category for lock in LOCKS if lock.category and seen.issuperset(lock.families)}
        return tuple(category for category in self.relevant if category not in seen)

    def covered_by(self, category: str) -> tuple[str, ...]:
        """Return the planned classifiers that look for a category, in the policy's order.

        For what a lock makes of several families: those that look for one of them, where all are looked for.
        """
        wanted = {category}
        if not any(category in seen for seen in self.by_classifier.values()):
            every = frozenset().union(*self.by_classifier.values())
            wanted |= {
                family
                for lock in LOCKS
                if lock.category == category and every.issuperset(lock.families)
                for family in lock.families
            }
        return tuple(name for name, seen in self.by_classifier.items() if not seen.isdisjoint(wanted))


def stage_coverage(modality: Modality, cards: Iterable[ClassifierCard]) -> StageCoverage:
    """Return the coverage that the cards of a stage's classifiers give; no card covers nothing."""
    relevant = tuple(CATEGORIES) if modality is Modality.TEXT else (*PICTURED_CATEGORIES, TEXT_IN_PICTURE)
    by_classifier = {
        card.name: card.categories | ({TEXT_IN_PICTURE} if card.reads_text else frozenset()) for card in cards
    }
    return StageCoverage(relevant, MappingProxyType(by_classifier))
