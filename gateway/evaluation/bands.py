"""Bands for a wanted false-positive rate: where low, medium and high have to begin, and what that finds.

Duty: scores of labelled prompts → edges per category, each with its false positives and its recall. It reads
one category's own scores, as a policy's bands do, and changes no policy. An edge lies midway between the
highest harmless score that must stay below it and the next score above that, in steps of 0.0001.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.errors import ConfigurationError
from gateway.evaluation.measure import Measured
from gateway.evaluation.metrics import Rate
from gateway.evaluation.prompts import LabelledPrompt, categories_of

SHARES: Final[Mapping[str, float]] = {"low": 1.0, "medium": 1 / 4, "high": 1 / 20}
"""What each severity may take of the wanted false-positive rate."""
_STEPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a severity begins, and what scores at least that much of either kind of prompt."""

    score: float
    false_positives: Rate
    recall: Rate


@dataclass(frozen=True, slots=True)
class CategoryBands:
    """One category's edges by severity, lowest first. `remarks` say what the prompts can't tell."""

    category: str
    edges: Mapping[str, Edge]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tuning:
    """Proposed bands, and per severity what all of them together find: in any category at least that severe.

    `left_out` names labelled categories without bands, with the reason.
    """

    false_positive_rate: float
    bands: tuple[CategoryBands, ...]
    together: Mapping[str, Edge]
    left_out: Mapping[str, str]


def tune(
    prompts: Sequence[LabelledPrompt],
    measured: Sequence[Measured],
    covered: frozenset[str],
    false_positive_rate: float,
) -> Tuning:
    """Return bands for every labelled category that the classifiers cover, one measurement a prompt.

    Raises:
        ConfigurationError: no category can be given bands; the message says why, for each.
    """
    seen = list(zip(prompts, measured, strict=True))
    bands: list[CategoryBands] = []
    left_out: dict[str, str] = {}
    for category in categories_of(prompts):
        harmless = [m.scores.get(category, 0.0) for p, m in seen if p.label(category) is False]
        violating = [m.scores.get(category, 0.0) for p, m in seen if p.label(category)]
        if category not in covered:
            left_out[category] = "no classifier here measures it"
        elif not harmless:
            left_out[category] = "no prompt is labelled harmless in it"
        elif (made := category_bands(category, violating, harmless, false_positive_rate)) is None:
            left_out[category] = "too many harmless prompts score 1, so no edge keeps to the rate"
        else:
            bands.append(made)
    if not bands:
        reasons = "; ".join(f"{slug}: {why}" for slug, why in left_out.items()) or "no prompt has a label"
        raise ConfigurationError(f"no bands can be proposed: {reasons}; add labelled or harmless prompts")
    return Tuning(false_positive_rate, tuple(bands), _together(seen, bands), left_out)


def category_bands(
    category: str, violating: Sequence[float], harmless: Sequence[float], false_positive_rate: float
) -> CategoryBands | None:
    """Return the edges for these scores, rising, or None when even 1.0 flags too many harmless prompts."""
    ordered = sorted(harmless, reverse=True)
    rising = sorted({*harmless, *violating})
    edges: dict[str, Edge] = {}
    remarks: list[str] = []
    below = -1
    for severity, share in SHARES.items():
        wanted = false_positive_rate * share
        step = max(_step(ordered, rising, wanted), below + 1)
        if step > _STEPS:
            return None
        if wanted * len(ordered) < 1:
            remarks.append(f"{severity} needs {math.ceil(1 / wanted)} harmless prompts to be distinguished")
        score, below = step / _STEPS, step
        edges[severity] = Edge(
            score, Rate.of(s >= score for s in harmless), Rate.of(s >= score for s in violating)
        )
    return CategoryBands(category, edges, tuple(remarks))


def _step(ordered: Sequence[float], rising: Sequence[float], wanted: float) -> int:
    """An edge, in steps, that at most the wanted share of the falling harmless scores reaches."""
    stays_below = ordered[math.floor(wanted * len(ordered) + 1e-9)]
    above = bisect_right(rising, stays_below)
    reaches = rising[above] if above < len(rising) else stays_below
    return max(math.floor((stays_below + reaches) / 2 * _STEPS), math.floor(stays_below * _STEPS + 1e-9) + 1)


def _together(
    seen: Sequence[tuple[LabelledPrompt, Measured]], bands: Sequence[CategoryBands]
) -> dict[str, Edge]:
    def reached(measured: Measured, severity: str) -> bool:
        return any(measured.scores.get(b.category, 0.0) >= b.edges[severity].score for b in bands)

    return {
        severity: Edge(
            0.0,
            Rate.of(reached(m, severity) for p, m in seen if p.violates is False),
            Rate.of(reached(m, severity) for p, m in seen if p.violates),
        )
        for severity in SHARES
    }


def yaml_fragment(tuning: Tuning) -> str:
    """Return the bands as a policy writes them, with what each finds as a comment."""
    lines = [
        f"# At most {tuning.false_positive_rate:.2%} of harmless prompts reach low, a quarter of them medium,"
    ]
    lines += ["# a twentieth high. Keep the policy's own `default` bands beside these.", "bands:"]
    for bands in tuning.bands:
        low = bands.edges["low"]
        found = f"# low finds {_percent(low.recall)} of {low.recall.total}"
        found += f", flags {_percent(low.false_positives)} of {low.false_positives.total}"
        edges = ", ".join(f"{severity}: {edge.score:.4f}" for severity, edge in bands.edges.items())
        lines.append(f"  {bands.category}: {{{edges}}}  {found}")
    return "\n".join(lines)


def _percent(rate: Rate) -> str:
    return "–" if rate.rate is None else f"{100 * rate.rate:.1f} %"
