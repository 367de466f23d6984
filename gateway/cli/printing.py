"""How commands print: text for people through rich, or one JSON value for programs.

Duty: streams and escaping. Text that came from a user or a file is never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_json(value: object) -> None:
    """Print `value` to standard output, indented; paths become text."""
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    typer.echo(orjson.dumps(value, default=str, option=options).decode())


def say(text: str, *, style: str | None = None, error: bool = False) -> None:
    """Print one text as it stands, coloured where the terminal can."""
    console(error=error).print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def console(*, error: bool = False) -> Console:
    """A console on standard output, or on standard error."""
    from rich.console import Console

    return Console(stderr=error)


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table with these columns."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, title=None if title is None else Text(title), title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def add_row(to: Table, cells: Sequence[object], *, style: str | None = None) -> None:
    """Add a row of plain text; None shows as a dash."""
    from rich.text import Text

    to.add_row(*(Text("–" if cell is None or cell == "" else str(cell)) for cell in cells), style=style)


def show(made: Table) -> None:
    """Print a table; in a pipe it is as wide as it needs to be."""
    out = console()
    if not out.is_terminal:
        out.width = 240
    out.print(made)
