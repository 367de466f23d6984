"""What is reported about each candidate: rankings, flagged rates, slices, evasions, pairs, speed.

Duty: prompts and measurements → frozen figures. It runs no classifier and writes no file. `None` labels are
masked: a prompt counts for a category only when somebody said whether it violates it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from classifiers.taxonomy import is_within
from gateway.evaluation.measure import Candidate, Measured
from gateway.evaluation.metrics import Ranking, Rate, ranking


class Labelled(Protocol):
    """A prompt or a picture and what is known of it; see `gateway.evaluation.prompts`."""

    @property
    def dataset(self) -> str:
        """The set it came from."""
        ...

    @property
    def slice(self) -> str:
        """A part of the set, or nothing."""
        ...

    @property
    def pair(self) -> str:
        """What the two sides of a contrast pair share, or nothing."""
        ...

    @property
    def lang(self) -> str:
        """Its language's code, or nothing."""
        ...

    @property
    def violates(self) -> bool | None:
        """Whether it violates any category, None when nobody said."""
        ...

    def label(self, category: str) -> bool | None:
        """Whether it violates the category, None when nobody said."""
        ...


ANY: Final = "any"
PAIR_RECALLS: Final = (0.6, 0.8)


@dataclass(frozen=True, slots=True)
class Flagged:
    """Flagged under the policy: of the violating prompts (recall), and of the harmless ones."""

    violating: Rate
    harmless: Rate


@dataclass(frozen=True, slots=True)
class Evaded:
    """One prompt measured plain and written in one way."""

    violates: bool
    plain: Measured
    evaded: Measured


@dataclass(frozen=True, slots=True)
class EvasionFigures:
    """What is flagged of prompts written in one way: violating ones (recall), and harmless ones.

    `points` and `harmless_points` are the distances to plain writing, in percentage points.
    """

    recall: Rate
    points: float
    harmless: Rate
    harmless_points: float
    is_encoding: bool


@dataclass(frozen=True, slots=True)
class PairFigures:
    """Contrast pairs: how often the violating side scores higher, and what is flagged of either side.

    `harmless_at` maps a recall of violating sides to the share of harmless sides that score as high.
    """

    ordered: Rate
    violating_flagged: Rate
    harmless_flagged: Rate
    harmless_at: Mapping[float, Rate]


@dataclass(frozen=True, slots=True)
class Speed:
    """CPU time of all threads: seconds to load, milliseconds a prompt one at a time and in batches of 64."""

    load_cpu_s: float
    one_cpu_ms: float
    batch_cpu_ms: float
    prompts: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything about one candidate, by category, dataset, slice and evasion.

    `rankings` hold `any` besides the categories: by the highest score in any of them. `recall` maps a
    category to the flagged share of its violating prompts, whatever they were flagged for.
    `slices` maps a dataset's slice to the share decided rightly. `blamed` maps a category to the share of
    harmless prompts that were flagged for it. `evasions` is empty when not asked for.
    """

    candidate: Candidate
    rankings: Mapping[str, Ranking]
    recall: Mapping[str, Rate]
    total: Flagged
    datasets: Mapping[str, Flagged]
    slices: Mapping[str, Mapping[str, Rate]]
    languages: Mapping[str, Flagged]
    blamed: Mapping[str, Rate]
    pairs: PairFigures | None
    evasions: Mapping[str, EvasionFigures]
    speed: Speed | None


def figures(
    candidate: Candidate,
    prompts: Sequence[Labelled],
    measured: Sequence[Measured],
    categories: Sequence[str],
    *,
    evasions: Mapping[str, EvasionFigures],
    speed: Speed | None,
) -> Figures:
    """Return one candidate's figures. `prompts` and `measured` go together; `categories` are the labelled."""
    seen = list(zip(prompts, measured, strict=True))
    covered = [c for c in categories if any(is_within(slug, c) for slug in candidate.categories)]
    judged = [(p, m) for p, m in seen if p.violates is not None]
    rankings = {
        ANY: ranking([bool(p.violates) for p, _ in judged], [m.highest(categories) for _, m in judged])
    }
    rankings |= {category: _ranking(seen, category) for category in covered}
    datasets = dict.fromkeys(p.dataset for p in prompts)
    return Figures(
        candidate,
        rankings,
        {c: Rate.of(m.flagged for p, m in seen if p.label(c)) for c in categories},
        flagged(seen),
        {name: flagged([(p, m) for p, m in seen if p.dataset == name]) for name in datasets},
        {name: _slices([(p, m) for p, m in seen if p.dataset == name and p.slice]) for name in datasets},
        {lang: flagged([(p, m) for p, m in seen if p.lang == lang]) for lang in _languages(prompts)},
        _blamed([m for p, m in seen if p.violates is False]),
        pair_figures(seen, categories),
        evasions,
        speed,
    )


def _languages(prompts: Sequence[Labelled]) -> list[str]:
    return sorted({prompt.lang for prompt in prompts} - {""})


def _blamed(harmless: Sequence[Measured]) -> dict[str, Rate]:
    found = {slug for measured in harmless for slug in measured.blamed}
    return {slug: Rate.of(slug in m.blamed for m in harmless) for slug in sorted(found)}


def flagged(seen: Sequence[tuple[Labelled, Measured]]) -> Flagged:
    """Return the flagged rates of the violating and of the harmless prompts."""
    return Flagged(
        Rate.of(m.flagged for p, m in seen if p.violates is True),
        Rate.of(m.flagged for p, m in seen if p.violates is False),
    )


def evasion_figures(seen: Sequence[Evaded], *, is_encoding: bool) -> EvasionFigures:
    """Return what one way of writing does to recall, and to what is flagged of harmless prompts."""
    recall, points = _moved([one for one in seen if one.violates])
    harmless, harmless_points = _moved([one for one in seen if not one.violates])
    return EvasionFigures(recall, points, harmless, harmless_points, is_encoding)


def pair_figures(seen: Sequence[tuple[Labelled, Measured]], categories: Sequence[str]) -> PairFigures | None:
    """Return the figures of the contrast pairs, or None when there is no whole pair.

    A side scores what it scores highest in any of the categories.
    """
    sides: dict[tuple[str, str], dict[bool, Measured]] = {}
    for prompt, measured in seen:
        if prompt.pair and prompt.violates is not None:
            sides.setdefault((prompt.dataset, prompt.pair), {})[prompt.violates] = measured
    pairs = [(pair[True], pair[False]) for pair in sides.values() if len(pair) == 2]
    if not pairs:
        return None
    scored = [(bad.highest(categories), good.highest(categories)) for bad, good in pairs]
    scores = sorted((bad for bad, _ in scored), reverse=True)
    harmless_at = {}
    for recall in PAIR_RECALLS:
        threshold = scores[math.ceil(round(recall * len(scores), 6)) - 1]
        harmless_at[recall] = Rate.of(good >= threshold for _, good in scored)
    return PairFigures(
        Rate.of(bad > good for bad, good in scored),
        Rate.of(bad.flagged for bad, _ in pairs),
        Rate.of(good.flagged for _, good in pairs),
        harmless_at,
    )


def _moved(seen: Sequence[Evaded]) -> tuple[Rate, float]:
    """The share flagged when evaded, and its distance to plain in points."""
    after = Rate.of(one.evaded.flagged for one in seen)
    before = sum(one.plain.flagged for one in seen)
    return after, 100 * (after.count - before) / len(seen) if seen else 0.0


def _ranking(seen: Sequence[tuple[Labelled, Measured]], category: str) -> Ranking:
    known = [(label, m.score(category)) for p, m in seen if (label := p.label(category)) is not None]
    return ranking([label for label, _ in known], [score for _, score in known])


def _slices(seen: Sequence[tuple[Labelled, Measured]]) -> dict[str, Rate]:
    names = dict.fromkeys(p.slice for p, _ in seen)
    return {
        name: Rate.of(m.flagged is p.violates for p, m in seen if p.slice == name and p.violates is not None)
        for name in names
    }
