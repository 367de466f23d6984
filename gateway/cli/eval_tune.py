"""`imagegate eval tune`: bands for a policy, from labelled prompts and a wanted false-positive rate."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.eval_options import BenignOption, ClassifierOption, DatasetsArgument
from gateway.cli.options import ConfigOption, JsonOption, settings_from
from gateway.cli.printing import add_row, print_json, say, show, table

if TYPE_CHECKING:
    from gateway.evaluation.bands import Edge, Tuning
    from gateway.evaluation.metrics import Rate


def tune(  # noqa: PLR0917  # typer: parameters are options
    datasets: DatasetsArgument = None,
    benign: BenignOption = None,
    classifier: ClassifierOption = None,
    fpr: Annotated[
        float,
        typer.Option("--fpr", min=0.0001, max=0.5, help="Share of harmless prompts that may reach low."),
    ] = 0.005,
    out: Annotated[Path | None, typer.Option("--out", help="File for the YAML fragment.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose bands: per category, where low, medium and high begin so that few harmless prompts reach them.

    At most `--fpr` of the harmless prompts reach low, a quarter of that medium, a twentieth high. With each
    edge stand the recall it gives and Wilson's 95 % intervals. Several classifiers are taken together, the
    highest score counts, as in a policy. It prints a fragment for a policy's `bands`; no policy is changed.
    Use prompts that neither training nor the last check of the policy has seen.

    Examples:

    - `imagegate eval tune mine.jsonl --benign captions.txt --fpr 0.005`
    - `imagegate eval tune mine.jsonl --classifier prototypes --out bands.yaml`
    """
    from gateway.cli.eval_setup import progress, set_up
    from gateway.evaluation.bands import yaml_fragment
    from gateway.evaluation.tuning import tuned

    made = set_up(settings_from(config), datasets or (), benign or (), classifier or (), None)
    with progress(len(made.prompts), quiet=as_json) as on_step:
        compared = {name: made.classifiers[name] for name in made.compared}
        tuning = asyncio.run(tuned(compared, made.policy, made.prompts, fpr, on_step))
    fragment = yaml_fragment(tuning)
    if out is not None:
        _write(out, fragment)
    if as_json:
        print_json({"classifiers": list(compared), **_view(tuning), "yaml": fragment})
        return
    _print(tuning)
    say(fragment)


def _write(out: Path, fragment: str) -> None:
    from gateway.core.errors import ConfigurationError

    try:
        out.write_text(fragment + "\n", "utf-8")
    except OSError as error:
        raise ConfigurationError(f"--out {out}: the file can't be written: {error.strerror}") from error


def _print(tuning: Tuning) -> None:
    from gateway.evaluation.text_report import rate

    rows = table("category", "severity", "edge", "harmless flagged", "violating found")
    for bands in tuning.bands:
        for severity, edge in bands.edges.items():
            cells = (
                bands.category,
                severity,
                f"{edge.score:.4f}",
                rate(edge.false_positives),
                rate(edge.recall),
            )
            add_row(rows, cells)
    for severity, edge in tuning.together.items():
        add_row(rows, ("any of them", severity, None, rate(edge.false_positives), rate(edge.recall)))
    show(rows)
    for bands in tuning.bands:
        for remark in bands.remarks:
            say(f"{bands.category}: {remark}", style="yellow")
    for category, reason in tuning.left_out.items():
        say(f"{category} is left out: {reason}", style="yellow")


def _view(tuning: Tuning) -> dict[str, object]:
    return {
        "fpr": tuning.false_positive_rate,
        "bands": {
            bands.category: {
                "edges": {severity: _edge(edge) for severity, edge in bands.edges.items()},
                "remarks": list(bands.remarks),
            }
            for bands in tuning.bands
        },
        "together": {severity: _edge(edge, scored=False) for severity, edge in tuning.together.items()},
        "left_out": dict(tuning.left_out),
    }


def _edge(edge: Edge, *, scored: bool = True) -> dict[str, object]:
    view: dict[str, object] = {"edge": edge.score} if scored else {}
    return view | {"false_positives": _rate(edge.false_positives), "recall": _rate(edge.recall)}


def _rate(rate: Rate) -> dict[str, object]:
    from gateway.evaluation.text_views import rate_view

    return rate_view(rate)
