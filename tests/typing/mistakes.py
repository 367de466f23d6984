"""What a type checker must refuse: each line that ends in a mark holds one mistake of that kind."""

from __future__ import annotations

from collections.abc import Sequence

from plugin_classifier import ShoutingClassifier
from plugin_generator import PlainGenerator

from classifiers.protocol import Classifier, ClassifierCard
from classifiers.signals import Modality, Signal
from gateway.core.ports import ImageGenerator, Picture, Rewriter


class NoCard:
    def classify(self, batch: Sequence[str]) -> Sequence[Sequence[Signal]]:
        return [[] for _ in batch]


class OneAtATime:
    card = ShoutingClassifier("shouting", 12).card

    def classify(self, text: str) -> Sequence[Signal]:
        return []


class Synchronous:
    async def start(self) -> None: ...
    async def close(self) -> None: ...
    def rewrite(self, prompt: str) -> str:
        return prompt


no_card: Classifier = NoCard()  # refused: assignment
one_at_a_time: Classifier = OneAtATime()  # refused: assignment
no_rewriter: Rewriter = Synchronous()  # refused: assignment
swapped: ImageGenerator = ShoutingClassifier("shouting", 12)  # refused: assignment
a_class: ImageGenerator = PlainGenerator  # refused: assignment
a_word = Signal("violence", "high", "mine", "1")  # refused: arg-type
a_list = ClassifierCard("a", "b", "1", Modality.TEXT, ["hate"], ("en",), "MIT", True)  # refused: arg-type
a_path = Picture(encoded="apple.png")  # refused: arg-type
Signal("violence", 0.9, "mine", "1").score = 1.0  # refused: misc
