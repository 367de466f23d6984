"""`imagegate moderate`: judge a text or a picture without drawing anything."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.boundary import BLOCKED, CONFIGURATION
from gateway.cli.local import SURFACE, local_caller, running_moderator, text_or_stdin
from gateway.cli.options import ConfigOption, DataOption, JsonOption, settings_from
from gateway.cli.printing import add_row, print_json, say, show, table
from gateway.cli.views import decision_view, strongest

if TYPE_CHECKING:
    from gateway.core.moderation_types import Moderation, ModerationInput
    from gateway.service.settings import Settings
    from policies.decision import Decision

_STYLES: Final = {"none": "dim", "low": "yellow", "medium": "dark_orange", "high": "red"}


def moderate(  # noqa: PLR0917  # typer: parameters are options
    text: Annotated[str | None, typer.Argument(help="Text to judge; `-` reads standard input.")] = None,
    image: Annotated[
        Path | None, typer.Option("--image", help="Picture to judge: PNG, JPEG, WebP or still GIF.")
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option("--jsonl", help="Many texts, a JSON object a line (`text`, perhaps `id`); `-`: stdin."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="With --jsonl: where results go; taken up again if it exists."),
    ] = None,
    policy: Annotated[str | None, typer.Option(help="Policy by name; see `imagegate policy list`.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the classifiers measure and what the policy says about it.

    A table of category, score, severity and classifier, then the verdict with its reason. The decision goes
    on record like any other. Exit code 1 when the verdict is anything but allow.

    Examples:

    - `imagegate moderate "a red apple"`
    - `imagegate moderate - < prompt.txt`
    - `imagegate moderate --image picture.png --json`
    - `imagegate moderate --jsonl prompts.jsonl --out judged.jsonl`

    With --jsonl every line of the input becomes a line of --out: its number and id, the action, severities,
    rules, scores and the decision's id. Run it again to take up what was interrupted. The exit code is 0 when
    every line was judged, whatever the verdicts, and 2 when a line could not be.
    """
    if jsonl is not None or out is not None:
        _many(jsonl, out, text, image, settings_from(config, data), policy, as_json=as_json)
        return
    asked = _input(text, image)
    answer = asyncio.run(_judge(settings_from(config, data), asked, policy))
    decisions = [decision for _, decision in answer.decisions]
    flagged = any(decision.action.word != "allow" for decision in decisions)
    if as_json:
        print_json(_view(answer, flagged=flagged))
    else:
        for modality, decision in answer.decisions:
            _report(modality.value, decision)
    if flagged:
        raise typer.Exit(BLOCKED)


def _many(  # noqa: PLR0917
    jsonl: Path | None,
    out: Path | None,
    text: str | None,
    image: Path | None,
    settings: Settings,
    policy: str | None,
    *,
    as_json: bool,
) -> None:
    from gateway.cli.moderate_lines import moderate_lines
    from gateway.core.errors import RequestInvalid

    if jsonl is None or out is None:
        raise RequestInvalid("--jsonl FILE and --out FILE belong together", param="--jsonl")
    if text is not None or image is not None:
        raise RequestInvalid("--jsonl judges a file; leave TEXT and --image out", param="--jsonl")
    counts = asyncio.run(moderate_lines(settings, jsonl, out, policy))
    if as_json:
        told = {
            "actions": counts.actions,
            "errors": counts.errors,
            "skipped": counts.skipped,
            "out": str(out),
        }
        print_json(told)
    else:
        for action, number in sorted(counts.actions.items()):
            say(f"{action:10} {number}")
        if counts.skipped:
            say(f"skipped    {counts.skipped} that {out} held already")
        if counts.errors:
            say(f"errors     {counts.errors} lines were not judged; {out} says why", style="red")
    if counts.errors:
        raise typer.Exit(CONFIGURATION)


async def _judge(settings: Settings, asked: ModerationInput, policy: str | None) -> Moderation:
    from gateway.audit.record import new_id

    async with running_moderator(settings) as moderator:
        caller = local_caller(moderator.policies, policy)
        answers = await moderator.run(
            [asked],
            request_id=new_id(),
            caller=caller,
            timeout_s=settings.server.request_timeout_s,
            surface=SURFACE,
        )
    return answers[0]


def _input(text: str | None, image: Path | None) -> ModerationInput:
    from gateway.core.errors import RequestInvalid
    from gateway.core.moderation_types import ModerationInput

    if text is None and image is None:
        raise RequestInvalid("give a text, `-` for standard input, or --image FILE", param="text")
    texts = () if text is None else (text_or_stdin(text),)
    return ModerationInput(texts, () if image is None else (_read(image),))


def _read(image: Path) -> bytes:
    from gateway.core.errors import ContentTooLarge, RequestInvalid
    from gateway.imaging.decode import DecodeLimits

    most = DecodeLimits().max_bytes
    try:
        if image.stat().st_size > most:
            raise ContentTooLarge(f"the picture has more than {most} bytes", param="--image")
        return image.read_bytes()
    except OSError as error:
        raise RequestInvalid(f"the picture can't be read: {error.strerror}", param="--image") from error


def _report(modality: str, decision: Decision) -> None:
    rows = table("category", "score", "severity", "classifier", title=modality)
    for signal, severity in strongest(decision):
        source = f"{signal.classifier} (outside its languages)" if signal.outside else signal.classifier
        cells = (signal.category, f"{signal.score:.3f}", severity, source)
        add_row(rows, cells, style=_STYLES[severity])
    show(rows)
    for failure in decision.findings.failures:
        say(f"no measurement from {failure.classifier}: {failure.kind.value}", style="red")
    say(f"action     {decision.action.word}", style="green" if decision.action.word == "allow" else "red")
    if decision.verdict is not decision.action:
        say(f"verdict    {decision.verdict.word} (shadow rules count in the verdict only)")
    for hit in decision.rules:
        say(f"rule       {hit.rule}: {hit.action.word} ({hit.category or 'failure'}) {hit.public_reason}")
    say(f"policy     {decision.policy.name} {decision.policy.revision[:16]}")
    say(f"decision   {decision.id}")


def _view(answer: Moderation, *, flagged: bool) -> dict[str, object]:
    return {
        "flagged": flagged,
        "decisions": [
            {"modality": modality.value, **decision_view(decision)} for modality, decision in answer.decisions
        ],
        "coverage": {modality.value: sorted(names) for modality, names in answer.coverage.items()},
    }
