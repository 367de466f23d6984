"""`imagegate policy`: check policy files before they serve, and show those that do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import policy_replay
from gateway.cli.boundary import BLOCKED
from gateway.cli.options import ConfigOption, JsonOption
from gateway.cli.policy_files import Checked, check_file, named_policy, policy_book, policy_cards
from gateway.cli.policy_views import coverage_view, policy_view, rewrite_line
from gateway.cli.printing import add_row, print_json, say, show, table

if TYPE_CHECKING:
    from policies.decision import Stage
    from policies.policy import Policy

app = typer.Typer(
    no_args_is_help=True, help="Check policy files, show the policies that serve, try one on the log."
)
app.command("replay")(policy_replay.replay)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Policy files, or folders of them.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compile policy files against the configured classifiers and run the tests beside them.

    Mistakes are shown with file, line, column, a caret and a hint. `NAME_test.yaml` beside `NAME.yaml` is
    run, and rules that none of its cases reaches are named. Exit code 1 when anything is wrong.

    Examples:

    - `imagegate policy check policies/`
    - `imagegate policy check shop.yaml --json`
    """
    cards = policy_cards(config)
    checked = [check_file(file, cards) for file in _files(files)]
    if as_json:
        print_json({"ok": all(one.ok for one in checked), "files": [_checked_view(one) for one in checked]})
    else:
        for one in checked:
            _report(one)
    if not all(one.ok for one in checked):
        raise typer.Exit(BLOCKED)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy file, so that an editor completes and checks it.

    Name the saved file in a policy's first line: `# yaml-language-server: $schema=policy.schema.json`. An
    editor sees form only; `imagegate policy check` also knows the classifiers.

    Examples:

    - `imagegate policy schema > policy.schema.json`
    """
    from policies.document import policy_json_schema

    print_json(policy_json_schema())


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the policies that can serve, and library policies that these classifiers can't serve.

    Examples:

    - `imagegate policy list --config imagegate.yaml`
    """
    settings, book = policy_book(config)
    policies = [book.get(name) for name in book.names]
    if as_json:
        print_json(
            {
                "default": settings.policies.default,
                "policies": [policy_view(policy) for policy in policies],
                "unusable": {name: str(error) for name, error in book.unusable.items()},
            }
        )
        return
    rows = table("policy", "revision", "rules", "rewrite", "owner", "description")
    for policy in policies:
        mark = " (default)" if policy.ref.name == settings.policies.default else ""
        cells = (
            policy.ref.name + mark,
            policy.ref.revision[:16],
            sum(len(policy.rules(stage)) for stage in policy.plans),
            policy.rewrite.mode,
            policy.owner,
            policy.description,
        )
        add_row(rows, cells)
    show(rows)
    for error in book.unusable.values():
        say(str(error), style="yellow")


@app.command("show")
def show_(
    name: Annotated[str, typer.Argument(help="A name from `imagegate policy list`.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one policy: its classifiers and rules by stage, what it warns of, what it can't see.

    Examples:

    - `imagegate policy show default`
    """
    _, book = policy_book(config)
    policy = book.get(name)
    if as_json:
        print_json(policy_view(policy))
        return
    say(f"{policy.ref.name}  {policy.ref.revision}")
    say(
        f"{policy.description}\nowner {policy.owner}; at most {policy.max_regenerations} regenerations\n"
        f"{rewrite_line(policy.rewrite)}\n"
    )
    for stage in policy.plans:
        _show_stage(policy, stage)
    for line in policy.warnings:
        say(line, style="yellow")
    for line in policy.uncovered_locked:
        say(f"not measured for a locked rule: {line}", style="yellow")


@app.command()
def coverage(
    policy: Annotated[str, typer.Argument(help="A name from `imagegate policy list`, or a policy file.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a policy's classifiers look for at each stage, and what nobody looks for.

    For pictures that is every category that a picture can show, and the words in it. A category counts as
    looked for only when a planned classifier's card names it; for none of the others does a low score exist.

    Examples:

    - `imagegate policy coverage default`
    - `imagegate policy coverage policies/shop.yaml --json`
    """
    chosen = named_policy(policy, config)
    if as_json:
        print_json({"policy": chosen.ref.name, "stages": coverage_view(chosen)})
        return
    for stage, seen in chosen.coverage.items():
        skipped = chosen.plan(stage).skipped_reason
        say(f"{stage.value}" + (f": skipped, because {skipped}" if skipped else ""), style="bold")
        rows = table("looked for", "by")
        for category in seen.relevant:
            add_row(rows, (category, ", ".join(seen.covered_by(category)) or "nobody"))
        show(rows)


def _show_stage(policy: Policy, stage: Stage) -> None:
    plan = policy.plan(stage)
    if plan.skipped_reason is not None:
        say(f"{stage.value}: skipped, because {plan.skipped_reason}", style="yellow")
        return
    asked = (f"{use.name} ({use.timeout_ms} ms, on failure {use.on_failure})" for use in plan.classifiers)
    say(f"{stage.value}: {', '.join(asked)}")
    rows = table("rule", "action", "mode", "when", "reason")
    for rule in policy.rules(stage):
        add_row(
            rows,
            (
                rule.id + (" (locked)" if rule.locked else ""),
                rule.action.word,
                rule.mode,
                rule.when,
                rule.reason,
            ),
        )
    show(rows)


def _files(named: Sequence[Path]) -> list[Path]:
    from policies.errors import PolicyError
    from policies.loader import policy_files

    files: list[Path] = []
    for path in named:
        found = policy_files(path) if path.is_dir() else [path]
        if not found:
            raise PolicyError.plain("no policy file in this folder", hint="it needs a .yaml", file=str(path))
        files += found
    return files


def _report(one: Checked) -> None:
    if one.error is not None:
        say(str(one.error), style="red")
        return
    assert one.policy is not None
    for line in one.policy.warnings:
        say(line, style="yellow")
    for line in one.policy.uncovered_locked:
        say(f"{one.file}: not measured for a locked rule: {line}", style="yellow")
    if one.tests is not None:
        say(one.tests.render(), style=None if one.tests.ok else "red")
    else:
        say(f"{one.file}: no tests beside it; write {one.file.stem}_test{one.file.suffix}", style="yellow")
    say(f"{one.file}: {'ok' if one.ok else 'not ok'}  {one.policy.ref.name} {one.policy.ref.revision[:16]}")


def _checked_view(one: Checked) -> dict[str, object]:
    view: dict[str, object] = {"file": str(one.file), "ok": one.ok}
    if one.error is not None:
        keys = ("file", "line", "column", "message", "hint")
        view["problems"] = [{key: getattr(each, key) for key in keys} for each in one.error.diagnostics]
    if one.policy is not None:
        view |= {
            "policy": one.policy.ref.name,
            "revision": one.policy.ref.revision,
            "warnings": list(one.policy.warnings),
            "uncovered_locked": list(one.policy.uncovered_locked),
        }
    if one.tests is not None:
        view["tests"] = {
            "file": one.tests.file,
            "unreached": list(one.tests.unreached),
            "cases": [
                {"name": case.name, "line": case.line, "failures": list(case.failures)}
                for case in one.tests.cases
            ],
        }
    return view
