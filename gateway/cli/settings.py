"""`imagegate settings`: what a settings file may hold. Duty: print; it reads no file and no environment."""

from __future__ import annotations

import typer

from gateway.cli.printing import print_json

app = typer.Typer(no_args_is_help=True, help="Describe the settings file.")


@app.callback()
def root() -> None:
    """Keep `schema` a command of its own: typer would fold a group of one into its name."""


@app.command()
def schema() -> None:
    """Print the JSON Schema of a settings file, so that an editor completes and checks it.

    Name the saved file in the settings' first line: `# yaml-language-server: $schema=settings.schema.json`.
    The options of a classifier, rewriter or generator are their adapter's own and are not in it.

    Examples:

    - `imagegate settings schema > settings.schema.json`
    """
    from gateway.service.settings import settings_json_schema

    print_json(settings_json_schema())
