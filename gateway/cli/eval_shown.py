"""`imagegate eval images`: does the picture show the prompt?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.eval_options import written
from gateway.cli.options import ConfigOption, JsonOption, settings_from
from gateway.cli.printing import add_row, print_json, say, show, table

if TYPE_CHECKING:
    from classifiers.image.drawing_labels import DrawingLabels
    from gateway.core.ports import ImageGenerator
    from gateway.evaluation.shown import Shown
    from gateway.service.settings import Settings


def images(  # noqa: PLR0917  # typer: parameters are options
    generator: Annotated[
        str | None, typer.Option(help="Generator of the settings. Absent: the default one.")
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(help="A .jsonl file of prompts; absent: the project's.")
    ] = None,
    artwork: Annotated[
        list[Path] | None,
        typer.Option(
            "--artwork",
            help="Folder of an npm package @iconify-json/…, judged as if it had been drawn. Repeatable.",
        ),
    ] = None,
    judge: Annotated[
        Path | None, typer.Option(help="Folder of another judge; absent: models/drawing-labels.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first picture; the next has the next.")] = 0,
    every: Annotated[int, typer.Option(min=1, help="Draw only every COUNT-th prompt of each kind.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for report.md, report.json and grid.png.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure whether a generator draws what the prompts name, by a judge that was trained on real artwork.

    Told are: the named thing among all names of the judge, likeliest and among five; whether a thing has the
    colour asked for; whether both things of a composed prompt are found. Beside the generator stand real
    artwork, where it is given, and the same pictures asked for other prompts' things. No policy takes part.

    Examples:

    - `imagegate eval images --out report`
    - `imagegate eval images --every 10 --json`
    - `imagegate eval images --artwork node_modules/@iconify-json/fluent-emoji-flat --out report`
    """
    from gateway.cli.eval_setup import progress
    from gateway.evaluation.artwork import Artwork
    from gateway.evaluation.asked import read_asked, thinned
    from gateway.evaluation.libraries import require_extra
    from gateway.evaluation.shown import evaluate_shown
    from gateway.evaluation.shown_report import shown_view, write_report

    require_extra()
    settings = settings_from(config)
    rows = thinned(read_asked(prompts), every)
    beside = [Artwork(folder) for folder in artwork or ()]
    made = _generator(settings, generator)
    seeing = _judge(judge)
    with progress(len(rows), quiet=as_json, counted="pictures") as on_step:
        shown = asyncio.run(evaluate_shown(made, seeing, rows, beside, seed, on_step))
    files = written(shown, out, write_report)
    if as_json:
        print_json({**shown_view(shown), "files": files})
        return
    _print(shown)
    for file in files:
        say(f"wrote {file}")


def _generator(settings: Settings, name: str | None) -> ImageGenerator:
    from gateway.core.errors import ConfigurationError
    from gateway.service.wiring import build_generators

    built = build_generators(settings)
    chosen = name or settings.default_generator
    if chosen not in built:
        raise ConfigurationError(f"--generator {chosen}: the settings name {', '.join(sorted(built))}")
    return built[chosen]


def _judge(folder: Path | None) -> DrawingLabels:
    from classifiers.image.drawing_labels import FOLDER, DrawingLabels
    from classifiers.protocol import ClassifierConfigError
    from gateway.core.errors import ConfigurationError

    try:
        return DrawingLabels(folder or FOLDER)
    except ClassifierConfigError as error:
        raise ConfigurationError(f"--judge: {error}") from error


def _print(shown: Shown) -> None:
    from gateway.evaluation.shown_report import table as rates

    names, rows = rates(shown)
    made = table("", *names, title="Do the pictures show the prompts?")
    for label, cells in rows:
        add_row(made, (label, *cells))
    show(made)
    say(f"generator {shown.generator.name} {shown.generator.revision}, judge {shown.judge}")
