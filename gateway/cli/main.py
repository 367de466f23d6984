"""The command `imagegate`: its commands put together, nothing else.

Duty: names and order. Each command lies in its own file: parse, call, print. Nothing heavy is imported here,
so that `imagegate --help` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli import audit, generate, keys, models, moderate, policy, review, serve, settings
from gateway.cli import eval as evaluation
from gateway.cli.boundary import Commands

app = typer.Typer(
    name="imagegate",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A content-safety gateway for image generation: prompts and pictures are judged, every decision is "
    "on record.\n\nStart with `imagegate serve`, or try one prompt: `imagegate generate 'a red apple' -o "
    "apple.png`.\n\nExit codes: 0 fine, 1 blocked or violations, 2 wrong input or settings, 3 audit log "
    "corrupt.",
)
app.command()(serve.serve)
app.command()(generate.generate)
app.command()(moderate.moderate)
app.add_typer(policy.app, name="policy")
app.add_typer(settings.app, name="settings")
app.add_typer(audit.app, name="audit")
app.add_typer(review.app, name="review")
app.add_typer(models.app, name="models")
app.add_typer(evaluation.app, name="eval")
app.add_typer(keys.app, name="keys")


def _version(asked: bool) -> None:
    if asked:
        from gateway import __version__

        typer.echo(f"imagegate {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before a command."""


def main() -> None:
    """Run the command line."""
    app()
