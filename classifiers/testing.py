"""The contract every classifier keeps, as a pytest class to subclass.

    class TestMine(ClassifierContract):
        def make(self): return MyClassifier.from_options("mine", {})
        def sample_items(self): return ["a red apple", "…"]

Duty: check the protocol, not the quality of the scores. It knows no adapter. pytest collects the subclass;
this module imports nothing of it, so it ships without it. A failed promise is an `AssertionError` that says
what was expected.
"""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from classifiers import taxonomy
from classifiers.protocol import Classifier, ClassifierCard, Closable, Locatable, Warmable
from classifiers.signals import Modality, Signal, Span

ODD_TEXTS: tuple[str, ...] = (
    "",
    " ",
    "\n\t",
    "\x00",
    "👨‍👩‍👧🔥🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "שלום \u202eabc\u202c مرحبا",
    "日本語のとても長い文章" * 20,
    "a" * 32_000,
    "word " * 6_400,
)


def odd_pictures() -> tuple[np.ndarray, ...]:
    """Pictures at the edges: one pixel, one line, one column, large, all black, all white."""
    return (
        np.zeros((1, 1, 3), np.uint8),
        np.full((1, 300, 3), 255, np.uint8),
        np.full((300, 1, 3), 127, np.uint8),
        np.zeros((2048, 1024, 3), np.uint8),
        np.full((64, 64, 3), 255, np.uint8),
    )


class ClassifierContract:
    """Subclass it, give `make` and `sample_items`; `tolerance` is how far a batch may move a score."""

    tolerance: ClassVar[float] = 1e-4

    def make(self) -> Classifier:
        """A new classifier, not yet warm."""
        raise NotImplementedError

    def sample_items(self) -> Sequence[Any]:
        """At least three ordinary items that differ."""
        raise NotImplementedError

    def odd_items(self) -> Sequence[Any]:
        """Items at the edges of what a request can hold; each must be measured, not refused."""
        return ODD_TEXTS if self.warm().card.modality is Modality.TEXT else odd_pictures()

    _made: ClassVar[dict[type, Classifier]] = {}

    def warm(self) -> Classifier:
        """One warm classifier per test class: loading is the slow part."""
        made = self._made.get(type(self))
        if made is None:
            made = self._made[type(self)] = self.make()
            if isinstance(made, Warmable):
                made.warmup()
        return made

    def test_it_is_a_classifier_with_a_complete_card(self) -> None:
        """Name, kind, revision, licence, languages and known categories are all there."""
        classifier = self.make()
        assert isinstance(classifier, Classifier)
        card = classifier.card
        assert isinstance(card, ClassifierCard)
        for field in ("name", "kind", "revision", "licence"):
            assert getattr(card, field), f"card.{field} is empty"
        assert card.languages
        assert card.categories
        unknown = {slug for slug in card.categories if not taxonomy.is_known(slug)}
        assert not unknown, f"categories outside the taxonomy: {sorted(unknown)}"

    def test_the_card_is_constant(self) -> None:
        """The same before and after loading, after classifying, and for another instance."""
        classifier = self.make()
        before = classifier.card
        if isinstance(classifier, Warmable):
            classifier.warmup()
        classifier.classify(list(self.sample_items())[:1])
        assert classifier.card == before
        assert self.warm().card == before
        if isinstance(classifier, Closable):
            classifier.close()

    def test_an_empty_batch_has_an_empty_answer(self) -> None:
        """No items, no answers, no error."""
        assert list(self.warm().classify([])) == []

    def test_one_answer_per_item_in_order(self) -> None:
        """A batch answers each item as the item alone is answered."""
        items = list(self.sample_items())
        assert len(items) >= 3, "sample_items needs at least three items"
        together = list(self.warm().classify(items))
        assert len(together) == len(items)
        alone = [next(iter(self.warm().classify([item]))) for item in items]
        self._same(together, alone)
        backwards = list(self.warm().classify(items[::-1]))
        self._same(backwards[::-1], together)

    def test_signals_are_its_own_and_in_range(self) -> None:
        """Every signal carries this name and revision, a covered category, a score in [0, 1]."""
        self._check_signals(self.warm().classify(list(self.sample_items())))

    def test_the_same_item_gets_the_same_scores(self) -> None:
        """Asking twice changes nothing."""
        items = list(self.sample_items())
        self._same(self.warm().classify(items), self.warm().classify(items))

    def test_items_are_left_as_they_were(self) -> None:
        """Neither the list nor a picture's pixels are written to."""
        items = list(self.sample_items())
        kept = copy.deepcopy(items)
        self.warm().classify(items)
        assert len(items) == len(kept)
        for item, before in zip(items, kept, strict=True):
            assert np.array_equal(item, before) if isinstance(item, np.ndarray) else item == before

    def test_it_works_in_another_thread(self) -> None:
        """Made in one thread, called in another, as the batcher does."""
        items = list(self.sample_items())
        expected = self.warm().classify(items)
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(self.warm().classify(items)))
        thread.start()
        thread.join(120)
        assert found, "classify did not return in another thread"
        self._same(found[0], expected)

    def test_odd_items_are_measured(self) -> None:
        """Empty, very long, invisible, right-to-left, tiny and large items get an answer like any other."""
        for item in self.odd_items():
            answer = self.warm().classify([item])
            assert len(answer) == 1
            self._check_signals(answer)
            if isinstance(item, str):
                ends = [span.end for signal in answer[0] for span in signal.spans]
                assert all(end <= len(item) for end in ends), "a span reaches beyond its text"

    def test_what_is_located_lies_in_the_text(self) -> None:
        """`locate`, where there is one, gives spans sorted and apart, the same twice, none without edges."""
        classifier = self.warm()
        if not isinstance(classifier, Locatable):
            return
        edges = dict.fromkeys(classifier.card.categories, 0.05)
        for text in (*self.sample_items(), *self.odd_items()):
            spans = list(classifier.locate(text, edges))
            assert all(isinstance(span, Span) and span.end <= len(text) for span in spans)
            assert all(one.end <= other.start for one, other in itertools.pairwise(spans)), "spans overlap"
            assert list(classifier.locate(text, edges)) == spans
            assert not list(classifier.locate(text, {}))
            assert not list(classifier.locate(text, {"custom/not-on-the-card": 0.05}))

    def test_closing_twice_is_harmless(self) -> None:
        """`close`, where there is one, may be called again."""
        classifier = self.make()
        if isinstance(classifier, Closable):
            classifier.close()
            classifier.close()

    def _check_signals(self, answer: Sequence[Sequence[Signal]]) -> None:
        card = self.warm().card
        for signals in answer:
            seen: set[str] = set()
            for signal in signals:
                assert isinstance(signal, Signal)
                assert (signal.classifier, signal.revision) == (card.name, card.revision)
                assert signal.category in card.categories, f"{signal.category} is not on the card"
                assert 0.0 <= signal.score <= 1.0
                assert signal.category not in seen, f"two signals of {signal.category} for one item"
                seen.add(signal.category)

    def _same(self, left: Sequence[Sequence[Signal]], right: Sequence[Sequence[Signal]]) -> None:
        assert len(left) == len(right)
        for ours, theirs in zip(left, right, strict=True):
            a = {signal.category: signal.score for signal in ours}
            b = {signal.category: signal.score for signal in theirs}
            assert a.keys() == b.keys()
            worst = max((abs(a[category] - b[category]) for category in a), default=0.0)
            assert worst <= self.tolerance, f"scores differ by {worst:.6f}, over {self.tolerance}"
