"""The report folder of a text evaluation: report.md for people, report.json for programs, and plots."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from gateway.evaluation.figures import EvasionFigures, Figures
from gateway.evaluation.metrics import Ranking, Rate
from gateway.evaluation.plots import curves_png, evasions_png
from gateway.evaluation.report_folder import write_files
from gateway.evaluation.text import Evaluation
from gateway.evaluation.text_views import evaluation_view

NOT_MEASURED: Final = "–"
HOW_TO_READ: Final = (
    "Flagged means that the policy does anything but allow; a classifier's column is the policy's rules over "
    "that classifier alone. Intervals are Wilson's, 95 %."
)


def write_report(evaluation: Evaluation, folder: Path, command: str) -> list[Path]:
    """Write the report, over one that is there; return its files. `command` is quoted in it.

    Raises:
        ConfigurationError: the folder can't be written.
    """
    plots: dict[str, bytes] = {
        "precision-recall.png": curves_png(evaluation, "precision_recall"),
        "roc.png": curves_png(evaluation, "roc"),
    }
    if evaluation.evaded:
        plots["evasions.png"] = evasions_png(evaluation)
    view = {"command": command, **evaluation_view(evaluation, curves=True)}
    files = {
        "report.md": markdown(evaluation, command, list(plots)).encode(),
        "report.json": (json.dumps(view, indent=1, ensure_ascii=False) + "\n").encode(),
        **plots,
    }
    return write_files(folder, files)


def markdown(evaluation: Evaluation, command: str, plots: Sequence[str]) -> str:
    """Return report.md: a table a question, a column a candidate."""
    parts = [
        "# Text evaluation",
        f"```\n{command}\n```",
        f"Policy `{evaluation.policy.name}`, revision `{evaluation.policy.revision[:16]}`. {HOW_TO_READ}",
        models(evaluation),
    ]
    names = [figures.candidate.name for figures in evaluation.candidates]
    for title, rows in sections(evaluation):
        parts += [f"## {title}", markdown_table(names, rows)]
    parts += [f"![{name.removesuffix('.png')}]({name})" for name in plots]
    return "\n\n".join(parts) + "\n"


Row: TypeAlias = tuple[str, list[str]]
"""A label, and a cell for each candidate."""


def sections(evaluation: Evaluation) -> list[tuple[str, list[Row]]]:
    """Return the report's tables: a title, and rows with a cell a candidate. Empty ones are left out."""
    told = evaluation.candidates
    made = [
        ("Flagged under the policy", _flagged_rows(evaluation)),
        ("Ranking: average precision / area under the ROC curve", _ranking_rows(evaluation)),
        (
            f"Recall when evaded, of {evaluation.evaded} violating prompts (points to plain)",
            _evasion_rows(told, harmless=False) if evaluation.evaded else [],
        ),
        (
            f"Flagged when evaded, of {evaluation.evaded_harmless} harmless prompts (points to plain)",
            _evasion_rows(told, harmless=True) if evaluation.evaded_harmless else [],
        ),
        ("Contrast pairs", _pair_rows(told)),
        ("Decided rightly, by slice", _slice_rows(told)),
        ("Flagged by language: harmless / violating", _language_rows(told)),
        ("Harmless prompts, by what they were flagged for", _blamed_rows(told)),
        ("CPU time in this process, without views and batcher", _speed_rows(told)),
    ]
    return [(title, rows) for title, rows in made if rows]


def markdown_table(names: Sequence[str], rows: Iterable[Row]) -> str:
    """A Markdown table with these columns after the label's."""
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {label} | " + " | ".join(cells) + " |" for label, cells in rows]
    return "\n".join(lines)


def models(evaluation: Evaluation) -> str:
    """A Markdown table of the classifiers that took part."""
    lines = ["| classifier | kind | revision | weights |", "|---|---|---|---|"]
    for name, card in evaluation.cards.items():
        weights = (card.weights_sha256 or NOT_MEASURED)[:16]
        lines.append(f"| {name} | {card.kind} | {card.revision[:40]} | {weights} |")
    return "\n".join(lines)


def _flagged_rows(evaluation: Evaluation) -> list[Row]:
    told = evaluation.candidates
    rows: list[Row] = []
    for name, count in evaluation.prompts.items():
        rows += [
            (f"{name} ({count}): violating", [rate(f.datasets[name].violating) for f in told]),
            (f"{name} ({count}): harmless", [rate(f.datasets[name].harmless) for f in told]),
        ]
    rows += [(f"violating `{slug}`", [rate(f.recall[slug]) for f in told]) for slug in evaluation.categories]
    return [row for row in rows if set(row[1]) != {NOT_MEASURED}]


def _ranking_rows(evaluation: Evaluation) -> list[Row]:
    rows: list[Row] = []
    for slug in ("any", *evaluation.categories):
        ranked = [figures.rankings.get(slug) for figures in evaluation.candidates]
        counts = {f" ({one.positives} + {one.negatives})" for one in ranked if one is not None}
        rows.append((f"`{slug}`" + "".join(counts), [_ranking_cell(one) for one in ranked]))
    return rows


def _ranking_cell(ranking: Ranking | None) -> str:
    if ranking is None or ranking.average_precision is None or ranking.auc is None:
        return NOT_MEASURED
    return f"{ranking.average_precision:.3f} / {ranking.auc:.3f}"


def _evasion_rows(told: Sequence[Figures], *, harmless: bool) -> list[Row]:
    def cell(one: EvasionFigures) -> str:
        flagged, points = (one.harmless, one.harmless_points) if harmless else (one.recall, one.points)
        return f"{percent(flagged.rate)} ({points:+.1f})"

    return [
        (f"{name} (encoding)" if one.is_encoding else name, [cell(f.evasions[name]) for f in told])
        for name, one in told[0].evasions.items()
    ]


def _pair_rows(told: Sequence[Figures]) -> list[Row]:
    pairs = [figures.pairs for figures in told if figures.pairs is not None]
    if not pairs:
        return []
    rows = [
        (f"violating side scores higher ({pairs[0].ordered.total})", [rate(p.ordered) for p in pairs]),
        ("violating side flagged", [rate(p.violating_flagged) for p in pairs]),
        ("harmless side flagged", [rate(p.harmless_flagged) for p in pairs]),
    ]
    return rows + [
        (f"harmless side as high, at {at:.0%} recall", [rate(p.harmless_at[at]) for p in pairs])
        for at in pairs[0].harmless_at
    ]


def _slice_rows(told: Sequence[Figures]) -> list[Row]:
    return [
        (f"{dataset}: {name} ({one.total})", [rate(f.slices[dataset][name]) for f in told])
        for dataset, slices in told[0].slices.items()
        for name, one in slices.items()
    ]


def _language_rows(told: Sequence[Figures]) -> list[Row]:
    return [
        (
            f"{lang} ({one.harmless.total} + {one.violating.total})",
            [f"{rate(f.languages[lang].harmless)} / {rate(f.languages[lang].violating)}" for f in told],
        )
        for lang, one in told[0].languages.items()
    ]


def _blamed_rows(told: Sequence[Figures]) -> list[Row]:
    slugs = sorted({slug for f in told for slug in f.blamed})
    return [
        (f"`{slug}`", [rate(f.blamed[slug]) if slug in f.blamed else percent(0.0) for f in told])
        for slug in slugs
    ]


def _speed_rows(told: Sequence[Figures]) -> list[Row]:
    speeds = [figures.speed for figures in told]
    if not any(speeds):
        return []
    return [
        ("one prompt at a time", [f"{s.one_cpu_ms:.3g} ms" if s else NOT_MEASURED for s in speeds]),
        ("64 at once, per prompt", [f"{s.batch_cpu_ms:.3g} ms" if s else NOT_MEASURED for s in speeds]),
        ("loading", [f"{s.load_cpu_s:.3g} s" if s else NOT_MEASURED for s in speeds]),
    ]


def rate(one: Rate) -> str:
    """A rate with its interval, in percent."""
    if one.rate is None or one.low is None or one.high is None:
        return NOT_MEASURED
    return f"{percent(one.rate)} ({100 * one.low:.1f}–{100 * one.high:.1f})"


def percent(share: float | None) -> str:
    """A share in percent with one decimal."""
    return NOT_MEASURED if share is None else f"{100 * share:.1f} %"
