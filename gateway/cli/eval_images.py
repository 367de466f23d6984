"""`imagegate eval images-safety`: image classifiers side by side on labelled pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.eval_options import ClassifierOption, PolicyOption, written
from gateway.cli.options import ConfigOption, JsonOption, settings_from
from gateway.cli.printing import add_row, print_json, say, show, table

if TYPE_CHECKING:
    from gateway.evaluation.images import ImageEvaluation
    from gateway.evaluation.pictures import LabelledPicture
    from gateway.evaluation.text import OnStep
    from gateway.service.settings import Settings

FoldersArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="Folders of harmless pictures, .jsonl files with labels, or photos (scikit-image's).",
        show_default=False,
    ),
]
LabelledOption = Annotated[
    list[Path] | None,
    typer.Option("--labelled", help="Folder with a folder per category, and benign. Repeatable."),
]
EmojiOption = Annotated[
    list[Path] | None,
    typer.Option("--emoji", help="Folder of an npm package @iconify-json/…; harmless artwork. Repeatable."),
]


def images_safety(  # noqa: PLR0917  # typer: parameters are options
    folders: FoldersArgument = None,
    labelled: LabelledOption = None,
    emoji: EmojiOption = None,
    draw: Annotated[
        int,
        typer.Option(
            min=0, max=2000, help="Pictures that the default generator draws, from harmless prompts."
        ),
    ] = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most this many of a set, evenly spaced.")
    ] = None,
    classifier: ClassifierOption = None,
    policy: PolicyOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for report.md, report.json, plots and worst.png.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out CPU time.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure image classifiers on labelled pictures, side by side, through the gate's own path.

    Told are: what the policy flags and blocks of harmless pictures, recall on pictures of each category,
    average precision and AUC, agreement of classifiers on a category, and CPU time, with Wilson's 95 %
    intervals; and, as a contact sheet, the pictures judged worst. Nothing goes on record.
    docs/evaluation.md shows the forms of the sets.

    Examples:

    - `imagegate eval images-safety photos --draw 100 --out report`
    - `imagegate eval images-safety holiday-pictures --labelled concepts --policy strict`
    - `imagegate eval images-safety --emoji node_modules/@iconify-json/noto --limit 400 --json`
    """
    from gateway.cli.eval_setup import image_set_up, progress
    from gateway.evaluation.image_report import write_report
    from gateway.evaluation.images import evaluate_images
    from gateway.evaluation.pictures import read_pictures

    settings = settings_from(config)
    run = image_set_up(settings, classifier or (), policy, asked=bool(folders or labelled or emoji or draw))
    run = replace(run, thorough=not quick)
    pictures = read_pictures(folders or (), labelled or (), emoji or (), limit)

    async def whole(on_step: OnStep) -> ImageEvaluation:
        drawn = await _drawn(settings, draw, on_step) if draw else []
        return await evaluate_images(run, [*pictures, *drawn], on_step)

    with progress(len(pictures) + draw, quiet=as_json, counted="pictures") as on_step:
        evaluation = asyncio.run(whole(on_step))
    files = written(evaluation, out, write_report)
    if as_json:
        from gateway.evaluation.image_report import image_view

        print_json({**image_view(evaluation, curves=False), "files": files})
        return
    _print(evaluation)
    for file in files:
        say(f"wrote {file}")


async def _drawn(settings: Settings, count: int, on_step: OnStep) -> Sequence[LabelledPicture]:
    from gateway.evaluation.drawn import draw
    from gateway.service.wiring import build_generators

    generator = build_generators(settings)[settings.default_generator]
    on_step("loading the generator", 0)
    return await draw(generator, count, lambda: on_step("drawing", 1))


def _print(evaluation: ImageEvaluation) -> None:
    from gateway.evaluation.image_report import tables

    for title, columns, rows in tables(evaluation):
        made = table("", *columns, title=title)
        for label, cells in rows:
            add_row(made, (label, *cells))
        show(made)
    say(f"policy {evaluation.base.policy.name} {evaluation.base.policy.revision[:16]}")
