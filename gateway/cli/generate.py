"""`imagegate generate`: one prompt through the whole path, pictures into files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.boundary import BLOCKED
from gateway.cli.local import SURFACE, local_caller, running_gateway, text_or_stdin
from gateway.cli.options import ConfigOption, DataOption, JsonOption, settings_from
from gateway.cli.picture_files import PictureFiles, format_of
from gateway.cli.printing import console, print_json, say
from gateway.cli.views import decision_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.core.outcomes import Blocked, Delivered, DeliveredImage, Held, Outcome, Partial, StreamEvent
    from gateway.core.requests import ImageRequest
    from gateway.service.gateway import Gateway
    from gateway.service.settings import Settings


def generate(  # noqa: PLR0917  # typer: parameters are options
    prompt: Annotated[str, typer.Argument(help="What to draw; `-` reads standard input.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture file: .png, .jpg or .webp.")] = Path(
        "out.png"
    ),
    size: Annotated[str, typer.Option(help="`auto` or WIDTHxHEIGHT in pixels.")] = "auto",
    n: Annotated[int, typer.Option("--n", min=1, max=10, help="How many; out-1.png, out-2.png, …")] = 1,
    seed: Annotated[int | None, typer.Option(help="Seed of the first picture; random when absent.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What not to draw.")] = None,
    model: Annotated[str | None, typer.Option(help="Backend; see `imagegate models list`.")] = None,
    no_rewrite: Annotated[bool, typer.Option("--no-rewrite", help="Block what would be rewritten.")] = False,
    policy: Annotated[str | None, typer.Option(help="Policy by name; see `imagegate policy list`.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a prompt that the policy allows; nothing is written that it does not.

    The prompt is judged, rewritten if the policy says so, drawn, and every picture is judged. Exit code 1
    when nothing was allowed; the reason and the decision's id are printed and on record.

    Examples:

    - `imagegate generate "a red apple" -o apple.png`
    - `imagegate generate "a blue car" --n 4 --seed 7 --steps 20`
    - `echo "a cat" | imagegate generate - --json`
    """
    settings = settings_from(config, data)
    fields = {
        "prompt": text_or_stdin(prompt),
        "model": model,
        "n": n,
        "size": size,
        "seed": seed,
        "num_inference_steps": steps,
        "negative_prompt": negative_prompt,
        "rewrite": "off" if no_rewrite else "auto",
        "output_format": format_of(output),
    }
    pictures = PictureFiles(output, n)
    try:
        request, outcome = asyncio.run(_draw(settings, fields, policy, pictures, quiet=as_json))
        files = pictures.place()
    finally:
        pictures.drop()
    if as_json:
        print_json(_view(request, outcome, files))
    else:
        _report(outcome, files)
    if not files:
        raise typer.Exit(BLOCKED)


async def _draw(
    settings: Settings, fields: dict[str, Any], policy: str | None, pictures: PictureFiles, *, quiet: bool
) -> tuple[ImageRequest, Outcome]:
    with _progress(quiet=quiet) as emit:
        async with running_gateway(settings) as gateway:
            request = _request(gateway, fields, policy)
            return request, await gateway.generate(request, emit, pictures.keep)


def _request(gateway: Gateway, fields: dict[str, Any], policy: str | None) -> ImageRequest:
    """The same form and the same checks as over HTTP."""
    from gateway.api.body import check
    from gateway.api.image_request import ImageGenerationRequest, to_image_request
    from gateway.audit.record import new_id

    body = check(fields, ImageGenerationRequest)
    request = to_image_request(
        body,
        model=gateway.generator_name(body.model or ""),
        card=gateway.generator_card(body.model or ""),
        settings=gateway.settings,
        caller=local_caller(gateway.policies, policy),
        request_id=new_id(),
    )
    return replace(request, surface=SURFACE)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[StreamEvent], Awaitable[None]] | None]:
    """A bar over the steps on standard error; nothing for programs."""
    if quiet:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from gateway.core.ports import Progress as Step

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(error=True), transient=True) as bar:
        task = bar.add_task("loading models", total=None)

        async def emit(event: StreamEvent) -> None:
            if isinstance(event, Step):
                bar.update(task, description="drawing", completed=event.step, total=event.steps)

        yield emit


def _report(outcome: Outcome, files: dict[int, Path]) -> None:
    from gateway.core.outcomes import Delivered, Partial

    if not isinstance(outcome, Delivered | Partial):
        _report_refusal(outcome)
        return
    if outcome.rewrite is not None:
        rules = ", ".join(outcome.rewrite.rules)
        say(f"{'rewritten' if rules else 'enhanced ':<10} {outcome.rewrite.prompt}", style="yellow")
        if rules:
            say(f"           because of {', '.join(outcome.rewrite.categories)}; rules {rules}")
    for image in outcome.images:
        say(
            f"written    {files[image.index]}  {image.width}x{image.height}  seed {image.seed}", style="green"
        )
    if isinstance(outcome, Partial):
        for withheld in outcome.withheld:
            say(f"withheld   picture {withheld.index + 1}: {withheld.public_reason}", style="red")
            say(f"           decision {withheld.decision.id}")
    say(f"judged     prompt: {outcome.prompt_decision.action.word}, decision {outcome.prompt_decision.id}")
    coverage = outcome.coverage
    by = f" by {', '.join(coverage.classifiers)}" if coverage.classifiers else ""
    say(f"           pictures: {coverage.images_inspected} of {coverage.images_total} inspected{by}")
    if coverage.uncovered:
        say(f"           not looked for in pictures: {', '.join(coverage.uncovered)}")


def _report_refusal(outcome: Blocked | Held) -> None:
    from gateway.core.outcomes import Held

    word = "held" if isinstance(outcome, Held) else "blocked"
    say(f"{word:<11}at the {outcome.stage.value} stage: {outcome.reason}", style="red")
    if outcome.decision.categories:
        say(f"categories {', '.join(outcome.decision.categories)}")
    say(f"decision   {outcome.decision.id}")


def _view(request: ImageRequest, outcome: Outcome, files: dict[int, Path]) -> dict[str, object]:
    from gateway.core.outcomes import Delivered, Partial

    view: dict[str, object] = {"outcome": type(outcome).__name__.lower(), "request_id": request.id}
    if isinstance(outcome, Delivered | Partial):
        view |= _delivered_view(outcome, files)
    else:
        view |= {
            "stage": outcome.stage.value,
            "reason": outcome.reason,
            "categories": list(outcome.decision.categories),
            "decision": decision_view(outcome.decision),
        }
    coverage = outcome.coverage
    view["coverage"] = {
        "images_total": coverage.images_total,
        "images_inspected": coverage.images_inspected,
        "classifiers": list(coverage.classifiers),
        "uncovered": list(coverage.uncovered),
    }
    return view


def _delivered_view(outcome: Delivered | Partial, files: dict[int, Path]) -> dict[str, object]:
    rewrite = outcome.rewrite
    withheld = getattr(outcome, "withheld", ())
    return {
        "images": [_image_view(image, files[image.index]) for image in outcome.images],
        "withheld": [
            {"index": w.index, "regenerations": w.regenerations, "decision": decision_view(w.decision)}
            for w in withheld
        ],
        "revised_prompt": None if rewrite is None else rewrite.prompt,
        "rewrite": None
        if rewrite is None
        else {
            "mode": rewrite.mode.value,
            "attempts": rewrite.attempts,
            "rules": list(rewrite.rules),
            "categories": list(rewrite.categories),
            "changed": [{"start": span.start, "end": span.end} for span in rewrite.changed],
            "drift": round(rewrite.drift, 6),
            "model": rewrite.model.name,
            "revision": rewrite.model.revision,
        },
        "decision": decision_view(outcome.prompt_decision),
    }


def _image_view(image: DeliveredImage, file: Path) -> dict[str, object]:
    return {
        "index": image.index,
        "file": str(file),
        "width": image.width,
        "height": image.height,
        "seed": image.seed,
        "regenerations": image.regenerations,
        "decision": None if image.decision is None else decision_view(image.decision),
    }
