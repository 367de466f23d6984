"""The report folder of an image evaluation: report.md, report.json, plots and the contact sheet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from gateway.evaluation.image_plots import contact_sheet_png, scores_png
from gateway.evaluation.images import ImageEvaluation, Judged
from gateway.evaluation.plots import curves_png
from gateway.evaluation.report_folder import write_files
from gateway.evaluation.text_report import HOW_TO_READ, NOT_MEASURED, markdown_table, models, rate, sections
from gateway.evaluation.text_views import evaluation_view, rate_view
from policies.decision import Action

CONTACT_SHEET: Final = "worst.png"
Table: TypeAlias = tuple[str, list[str], list[tuple[str, list[str]]]]
"""A title, the columns, and rows of a label and cells."""


def write_report(evaluation: ImageEvaluation, folder: Path, command: str) -> list[Path]:
    """Write the report, over one that is there; return its files. `command` is quoted in it.

    Raises:
        ConfigurationError: the folder can't be written.
    """
    plots = {"scores.png": scores_png(evaluation)}
    if any(ranking.roc for told in evaluation.base.candidates for ranking in told.rankings.values()):
        plots["precision-recall.png"] = curves_png(evaluation.base, "precision_recall")
        plots["roc.png"] = curves_png(evaluation.base, "roc")
    plots[CONTACT_SHEET] = contact_sheet_png(evaluation)
    view = {"command": command, **image_view(evaluation, curves=True)}
    files = {
        "report.md": markdown(evaluation, command, list(plots)).encode(),
        "report.json": (json.dumps(view, indent=1, ensure_ascii=False) + "\n").encode(),
        **plots,
    }
    return write_files(folder, files)


def markdown(evaluation: ImageEvaluation, command: str, plots: Sequence[str]) -> str:
    """Return report.md: a table a question."""
    base = evaluation.base
    parts = [
        "# Image evaluation",
        f"```\n{command}\n```",
        f"Policy `{base.policy.name}`, revision `{base.policy.revision[:16]}`. {HOW_TO_READ}",
        models(base),
    ]
    for title, columns, rows in tables(evaluation):
        parts += [f"## {title}", markdown_table(columns, rows)]
    parts += [f"![{name.removesuffix('.png')}]({name})" for name in plots]
    return "\n\n".join(parts) + "\n"


def tables(evaluation: ImageEvaluation) -> list[Table]:
    """Return the report's tables; empty ones are left out."""
    names = [figures.candidate.name for figures in evaluation.base.candidates]
    made: list[Table] = [
        (title, names, [row for row in rows if set(row[1]) != {NOT_MEASURED}])
        for title, rows in sections(evaluation.base)
    ]
    made += [
        (
            f"What policy {evaluation.base.policy.name} did, all its classifiers together",
            [action.name.lower() for action in Action],
            [
                (name, [str(counts.get(action, 0)) for action in Action])
                for name, counts in evaluation.actions.items()
            ],
        ),
        (
            "Agreement of classifiers on a category, each read alone",
            ["both or neither flagged", "first only", "second only", "rank correlation"],
            [
                (
                    f"`{one.category}`: {one.first}, {one.second}",
                    [rate(one.together), str(one.first_only), str(one.second_only), _correlation(one.rank)],
                )
                for one in evaluation.agreements
            ],
        ),
        (
            "CPU time per picture, one at a time, all threads",
            ["ms"],
            [(name, [f"{cost:.3g}"]) for name, cost in evaluation.cpu_ms.items()],
        ),
    ]
    return [table for table in made if table[2]]


def image_view(evaluation: ImageEvaluation, *, curves: bool) -> dict[str, Any]:
    """Return the evaluation as plain values, for report.json and `--json`."""
    view = evaluation_view(evaluation.base, curves=curves)
    del view["evaded_prompts"], view["evaded_harmless_prompts"]
    return {
        **view,
        "actions": {
            name: {action.name.lower(): count for action, count in counts.items()}
            for name, counts in evaluation.actions.items()
        },
        "agreement": [
            {
                "category": one.category,
                "classifiers": [one.first, one.second],
                "together": rate_view(one.together),
                "first_only": one.first_only,
                "second_only": one.second_only,
                "rank_correlation": one.rank,
            }
            for one in evaluation.agreements
        ],
        "cpu_ms": {name: round(cost, 3) for name, cost in evaluation.cpu_ms.items()},
        "worst": {
            worst.candidate: {
                "false_alarms": [_judged(one) for one in worst.false_alarms],
                "misses": [_judged(one) for one in worst.misses],
            }
            for worst in evaluation.worst
        },
    }


def _judged(judged: Judged) -> dict[str, Any]:
    return {
        "dataset": judged.picture.dataset,
        "picture": judged.picture.name,
        "flagged": judged.measured.flagged,
        "scores": {slug: round(score, 4) for slug, score in sorted(judged.measured.scores.items())},
    }


def _correlation(rank: float | None) -> str:
    return NOT_MEASURED if rank is None else f"{rank:.2f}"
