"""The report folder of `imagegate eval images`: report.md, report.json and the grid of all pictures."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Final, TypeAlias

from PIL import Image, ImageDraw

from gateway.evaluation.asked import KINDS
from gateway.evaluation.report_folder import write_files
from gateway.evaluation.shown import CHANCE, Answer, Shown
from gateway.evaluation.text_report import NOT_MEASURED, markdown_table, rate
from gateway.evaluation.text_views import rate_view
from gateway.evaluation.windows import THRESHOLD

GRID: Final = "grid.png"
HOW_TO_READ: Final = (
    "A network that names drawings, trained on real artwork alone, looks at every picture. Intervals are "
    f"Wilson's, 95 %. A thing of a composed picture is found when it is among the five likeliest names of a "
    f"window, with at least {THRESHOLD:g}; both, when that holds in two different windows. "
    f"{CHANCE.capitalize()}: the same pictures, asked for what they were not drawn for."
)
_TILE: Final = 100
_CAPTION: Final = 16
_COLUMNS: Final = 12
_TITLE: Final = 22
Row: TypeAlias = tuple[str, list[str]]


def write_report(shown: Shown, folder: Path, command: str) -> list[Path]:
    """Write the report, over one that is there; return its files. `command` is quoted in it.

    Raises:
        ConfigurationError: the folder can't be written.
    """
    view = {"command": command, **shown_view(shown)}
    files = {
        "report.md": markdown(shown, command).encode(),
        "report.json": (json.dumps(view, indent=1, ensure_ascii=False) + "\n").encode(),
        GRID: grid_png(shown),
    }
    return write_files(folder, files)


def table(shown: Shown) -> tuple[list[str], list[Row]]:
    """Return the columns' names, and a row a rate."""
    names = [column.name for column in shown.columns]
    rows = []
    for name, mine in shown.columns[0].rates.items():
        told = [column.rates.get(name) for column in shown.columns]
        cells = [NOT_MEASURED if one is None else rate(one) for one in told]
        rows.append((f"{name} ({mine.total})", cells))
    return names, [row for row in rows if set(row[1]) != {NOT_MEASURED}]


def markdown(shown: Shown, command: str) -> str:
    """Return report.md."""
    model, last = shown.generator, shown.seed + len(shown.rows) - 1
    judged = f"Generator `{model.name}` {model.revision}, judge `{shown.judge}` of {shown.names} names"
    parts = [
        "# Do the pictures show the prompts?",
        f"```\n{command}\n```",
        f"{judged}, seeds {shown.seed} to {last} in the order of the prompts. {HOW_TO_READ}",
        markdown_table(*table(shown)),
        f"![all pictures; red frames are counted wrong]({GRID})",
    ]
    return "\n\n".join(parts) + "\n"


def shown_view(shown: Shown) -> dict[str, Any]:
    """Return the run as plain values, for report.json and `--json`."""
    model = shown.generator
    return {
        "generator": {"name": model.name, "revision": model.revision, "sha256": model.sha256},
        "judge": {"revision": shown.judge, "names": shown.names},
        "seed": shown.seed,
        "threshold": THRESHOLD,
        "columns": {
            column.name: {name: rate_view(one) for name, one in column.rates.items()}
            for column in shown.columns
        },
        "pictures": [
            {"seed": shown.seed + at, **_answer_view(answer)}
            for at, answer in enumerate(shown.columns[0].answers)
        ],
    }


def _answer_view(answer: Answer) -> dict[str, Any]:
    row = answer.row
    view = {"prompt": row.prompt, "kind": row.kind, "right": answer.right}
    if row.kind == "composed":
        return {**view, "found": dict(zip(row.labels, answer.things, strict=True))}
    return {**view, "likeliest": answer.first, "among_five": answer.among}


def grid_png(shown: Shown) -> bytes:
    """Return all of the generator's pictures with their prompts, by kind; red frames count as wrong."""
    answers = list(zip(shown.columns[0].answers, shown.pictures, strict=True))
    blocks = [(kind, [one for one in answers if one[0].row.kind == kind]) for kind in KINDS]
    blocks = [(kind, some) for kind, some in blocks if some]
    height = sum(_TITLE + -(-len(some) // _COLUMNS) * (_TILE + _CAPTION) for _, some in blocks)
    sheet = Image.new("RGB", (_COLUMNS * _TILE, height), "white")
    pen, top = ImageDraw.Draw(sheet), 0
    for kind, some in blocks:
        pen.text((4, top + 5), kind, fill="black")
        top += _TITLE
        for at, (answer, pixels) in enumerate(some):
            row, column = divmod(at, _COLUMNS)
            left, above = column * _TILE, top + row * (_TILE + _CAPTION)
            sheet.paste(Image.fromarray(pixels).resize((_TILE - 8, _TILE - 8)), (left + 4, above + 4))
            frame = (left + 1, above + 1, left + _TILE - 2, above + _TILE - 2)
            pen.rectangle(frame, outline="lightgrey" if answer.right else "red", width=2)
            prompt = answer.row.prompt.encode("ascii", "replace").decode()
            pen.text((left + 3, above + _TILE), prompt[:17], fill="black")
        top += -(-len(some) // _COLUMNS) * (_TILE + _CAPTION)
    content = io.BytesIO()
    sheet.save(content, format="png", optimize=True)
    return content.getvalue()
