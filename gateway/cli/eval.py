"""`imagegate eval`: measure classifiers and policies. One command a file; here they are put together."""

from __future__ import annotations

import typer

from gateway.cli import eval_images, eval_rewrite, eval_shown, eval_text, eval_tune

app = typer.Typer(
    no_args_is_help=True,
    help="Measure classifiers, policies, rewriters and generators. Needs the extra `imagegate[evaluation]`.",
)
app.command("text")(eval_text.text)
app.command("tune")(eval_tune.tune)
app.command("rewrite")(eval_rewrite.rewrite)
app.command("images")(eval_shown.images)
app.command("images-safety")(eval_images.images_safety)
