"""What every check looks at, and what it reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from classifiers.protocol import ClassifierCard
from classifiers.signals import Modality
from policies.decision import Action, Stage
from policies.document import ConditionDocument, PolicyDocument, RuleDocument, StageDocument
from policies.yaml_tree import YamlPath

MODALITY_OF = {Stage.PROMPT: Modality.TEXT, Stage.IMAGE: Modality.IMAGE}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a path of the document; a warning lets the policy compile all the same."""

    path: YamlPath
    message: str
    hint: str = ""
    at_key: bool = False
    warning: bool = False


@dataclass(frozen=True, slots=True)
class CheckContext:
    """A document, the cards of the configured classifiers, what the gateway can act on, and the day."""

    document: PolicyDocument
    cards: Mapping[str, ClassifierCard]
    supported: Mapping[Stage, frozenset[Action]]
    today: dt.date | None

    def stages(self) -> Iterator[tuple[Stage, YamlPath, StageDocument]]:
        """Yield both stages with their paths."""
        written = self.document.stages
        yield Stage.PROMPT, ("stages", "prompt"), written.prompt
        yield Stage.IMAGE, ("stages", "image"), written.image

    def rules(self) -> Iterator[tuple[Stage, YamlPath, RuleDocument]]:
        """Yield every rule of both stages, switched-off ones too."""
        for stage, path, written in self.stages():
            for index, rule in enumerate(written.rules):
                yield stage, (*path, "rules", index), rule

    def leaves(self) -> Iterator[tuple[Stage, YamlPath, ConditionDocument]]:
        """Yield every condition on a category, of every rule."""
        for stage, path, rule in self.rules():
            for leaf_path, leaf in rule.when.leaves((*path, "when")):
                yield stage, leaf_path, leaf

    def cards_at(self, stage: Stage) -> list[ClassifierCard]:
        """Return the cards of a stage's classifiers that exist and look at its modality."""
        written = self.document.stages.prompt if stage is Stage.PROMPT else self.document.stages.image
        cards = (self.cards.get(use.name) for use in written.classifiers)
        return [card for card in cards if card is not None and card.modality is MODALITY_OF[stage]]

    def has_unknown_classifier(self, stage: Stage) -> bool:
        """True when a stage names a classifier without a card: what it covers can't be said."""
        written = self.document.stages.prompt if stage is Stage.PROMPT else self.document.stages.image
        return any(use.name not in self.cards for use in written.classifiers)
