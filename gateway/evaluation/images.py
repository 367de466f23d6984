"""Evaluate image classifiers and a policy on labelled pictures: the whole run on one screen.

Duty: load, measure, and hand the measurements to `figures`; tell besides what the policy does to each set,
where classifiers of one category agree, what a picture costs, and which pictures were judged worst.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from classifiers.batching import MicroBatcher
from classifiers.protocol import Classifier
from classifiers.taxonomy import is_within
from gateway.evaluation.figures import Figures, figures
from gateway.evaluation.measure import Candidate, Measured, PictureBench
from gateway.evaluation.metrics import Rate
from gateway.evaluation.pictures import LabelledPicture
from gateway.evaluation.prompts import categories_of
from gateway.evaluation.speed import load
from gateway.evaluation.text import Evaluation, OnStep, Run, candidates_of
from policies.decision import Action, Stage

WORST: Final = 12
_TIMED: Final = 12


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two classifiers on one category that both cover.

    `together`: both flagged by the policy's rules over each alone, or neither. `first_only`, `second_only`:
    flagged by one. `rank` is Spearman's correlation of the two scores, None when one never changes.
    """

    category: str
    first: str
    second: str
    together: Rate
    first_only: int
    second_only: int
    rank: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A picture and what one candidate made of it."""

    picture: LabelledPicture
    measured: Measured


@dataclass(frozen=True, slots=True)
class Worst:
    """A candidate's harmless pictures with the highest scores, and its violating ones with the lowest."""

    candidate: str
    false_alarms: tuple[Judged, ...]
    misses: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class ImageEvaluation:
    """One run.

    `actions`: per set, how often the policy as a whole did what. `cpu_ms`: a picture's cost by classifier.
    `harmless_scores`: each candidate's highest score in anything, of every harmless picture.
    """

    base: Evaluation
    actions: Mapping[str, Mapping[Action, int]]
    agreements: tuple[Agreement, ...]
    cpu_ms: Mapping[str, float]
    harmless_scores: Mapping[str, tuple[float, ...]]
    worst: tuple[Worst, ...]


async def evaluate_images(
    run: Run, pictures: Sequence[LabelledPicture], on_step: OnStep = lambda _what, _done: None
) -> ImageEvaluation:
    """Return the figures of every compared classifier and of the policy as a whole.

    Raises:
        ConfigurationError: a classifier can't be loaded or gave no measurement, or a picture can't be read.
    """
    candidates = candidates_of(run, Stage.IMAGE)
    batchers = {name: MicroBatcher(classifier) for name, classifier in run.classifiers.items()}
    try:
        for name, batcher in batchers.items():
            on_step(f"loading {name}", 0)
            await load(name, batcher)
        bench = PictureBench(batchers, run.policy)
        found = await bench.findings(pictures, lambda: on_step("pictures", 1))
        costs = {}
        for name in run.compared if run.thorough else ():
            on_step(f"timing {name}", 0)
            costs[name] = await asyncio.to_thread(_cpu_ms, run.classifiers[name], pictures)
    finally:
        await asyncio.gather(*(asyncio.to_thread(batcher.close) for batcher in batchers.values()))

    measured = {}
    for candidate in candidates:
        read = bench.reading(candidate)
        measured[candidate.name] = [read(findings) for findings in found]
    categories = categories_of(picture.row for picture in pictures)
    base = Evaluation(
        run.policy.ref,
        {name: classifier.card for name, classifier in run.classifiers.items()},
        Counter(picture.dataset for picture in pictures),
        tuple(categories),
        0,
        tuple(_figures(one, pictures, measured[one.name], categories) for one in candidates),
    )
    whole = measured[candidates[-1].name]
    return ImageEvaluation(
        base,
        _actions(pictures, whole),
        tuple(_agreements(candidates[:-1], measured)),
        costs,
        {name: _harmless_scores(pictures, told) for name, told in measured.items()},
        tuple(_worst(one, pictures, measured[one.name]) for one in candidates),
    )


def _figures(
    candidate: Candidate,
    pictures: Sequence[LabelledPicture],
    measured: Sequence[Measured],
    categories: Sequence[str],
) -> Figures:
    return figures(candidate, pictures, measured, categories, evasions={}, speed=None)


def _actions(
    pictures: Sequence[LabelledPicture], measured: Sequence[Measured]
) -> dict[str, dict[Action, int]]:
    counts: dict[str, Counter[Action]] = {}
    for picture, one in zip(pictures, measured, strict=True):
        counts.setdefault(picture.dataset, Counter())[one.action] += 1
    return {name: dict(counted) for name, counted in counts.items()}


def _agreements(
    candidates: Sequence[Candidate], measured: Mapping[str, Sequence[Measured]]
) -> list[Agreement]:
    return [
        _agreement(category, one.name, other.name, measured)
        for one, other in combinations(candidates, 2)
        for category in sorted(one.categories)
        if any(is_within(slug, category) for slug in other.categories)
    ]


def _agreement(
    category: str, first: str, second: str, measured: Mapping[str, Sequence[Measured]]
) -> Agreement:
    from scipy.stats import spearmanr

    both = list(zip(measured[first], measured[second], strict=True))
    scores = [(a.score(category), b.score(category)) for a, b in both]
    changing = all(len({score[side] for score in scores}) > 1 for side in (0, 1))
    return Agreement(
        category,
        first,
        second,
        Rate.of(a.flagged is b.flagged for a, b in both),
        sum(a.flagged and not b.flagged for a, b in both),
        sum(b.flagged and not a.flagged for a, b in both),
        float(spearmanr(*zip(*scores, strict=True)).statistic) if changing else None,
    )


def _harmless_scores(pictures: Sequence[LabelledPicture], measured: Sequence[Measured]) -> tuple[float, ...]:
    both = zip(pictures, measured, strict=True)
    return tuple(one.highest(one.scores) for picture, one in both if picture.violates is False)


def _worst(candidate: Candidate, pictures: Sequence[LabelledPicture], measured: Sequence[Measured]) -> Worst:
    judged = [Judged(picture, one) for picture, one in zip(pictures, measured, strict=True)]
    harmless = [one for one in judged if one.picture.violates is False]
    violating = [one for one in judged if one.picture.violates]
    harmless.sort(key=lambda one: (one.measured.flagged, _highest(one)), reverse=True)
    violating.sort(key=lambda one: (one.measured.flagged, _highest(one)))
    return Worst(candidate.name, tuple(harmless[:WORST]), tuple(violating[:WORST]))


def _highest(judged: Judged) -> float:
    """Of a violating picture the score in what it shows, else the highest in anything."""
    shown = [slug for slug, marked in judged.picture.row.labels.items() if marked]
    return judged.measured.highest(shown or judged.measured.scores)


def _cpu_ms(classifier: Classifier, pictures: Sequence[LabelledPicture]) -> float:
    """CPU time of all threads, per picture, one at a time: the cheaper of two rounds."""
    chosen = [picture.pixels() for picture in pictures[:: max(1, len(pictures) // _TIMED)][:_TIMED]]
    rounds = []
    for _ in range(2):
        before = time.process_time()
        for pixels in chosen:
            classifier.classify([pixels])
        rounds.append(time.process_time() - before)
    return 1000 * min(rounds) / len(chosen)
