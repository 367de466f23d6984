"""`imagegate eval text`: text classifiers side by side on labelled prompts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.eval_options import (
    BenignOption,
    ClassifierOption,
    DatasetsArgument,
    PolicyOption,
    written,
)
from gateway.cli.options import ConfigOption, JsonOption, settings_from
from gateway.cli.printing import add_row, print_json, say, show, table

if TYPE_CHECKING:
    from gateway.evaluation.text import Evaluation


def text(  # noqa: PLR0917  # typer: parameters are options
    datasets: DatasetsArgument = None,
    benign: BenignOption = None,
    classifier: ClassifierOption = None,
    policy: PolicyOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for report.md, report.json and plots.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out evasions and CPU time.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure text classifiers on labelled prompts, side by side, through the gate's own path.

    Each prompt is judged in every view, as the gate does it. Told are: what the policy flags of violating and
    of harmless prompts, average precision and AUC per category, recall under evasions, contrast pairs, slices
    and CPU time, with Wilson's 95 % intervals. A category that a row does not label is not counted for it.
    Nothing goes on record. docs/evaluation.md shows the forms of the files and how to read the report.

    Examples:

    - `imagegate eval text lookalikes violations pairs`
    - `imagegate eval text mine.csv --benign captions.txt --out report`
    - `imagegate eval text violations --classifier wordlist --classifier prototypes --policy strict --json`
    """
    from gateway.cli.eval_setup import progress, set_up
    from gateway.evaluation.text import Run, evaluate_text
    from gateway.evaluation.text_report import write_report

    made = set_up(settings_from(config), datasets or (), benign or (), classifier or (), policy)
    run = Run(made.classifiers, made.compared, made.policy, thorough=not quick)
    with progress(len(made.prompts), quiet=as_json) as on_step:
        evaluation = asyncio.run(evaluate_text(run, made.prompts, on_step))
    files = written(evaluation, out, write_report)
    if as_json:
        from gateway.evaluation.text_views import evaluation_view

        print_json({**evaluation_view(evaluation, curves=False), "files": files})
        return
    _print(evaluation)
    for file in files:
        say(f"wrote {file}")


def _print(evaluation: Evaluation) -> None:
    from gateway.evaluation.text_report import sections

    for title, rows in sections(evaluation):
        made = table("", *(figures.candidate.name for figures in evaluation.candidates), title=title)
        for label, cells in rows:
            add_row(made, (label, *cells))
        show(made)
    say(f"policy {evaluation.policy.name} {evaluation.policy.revision[:16]}")
