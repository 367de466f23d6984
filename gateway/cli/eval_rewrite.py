"""`imagegate eval rewrite`: rewriters side by side on held-out prompts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.eval_options import written
from gateway.cli.options import ConfigOption, JsonOption, settings_from
from gateway.cli.printing import add_row, print_json, say, show, table

if TYPE_CHECKING:
    from gateway.evaluation.rewrite import RewriteEvaluation, RewriteRun
    from gateway.service.settings import ComponentSettings, Settings

_BESIDE: Final = ("smollm2", "smollm2:strategy=instruct", "cut")
"""What stands beside the configured rewriter when none is named: a model, its untuned base, the cut."""


def rewrite(  # noqa: PLR0917  # typer: parameters are options
    rewriter: Annotated[
        list[str] | None,
        typer.Option(
            "--rewriter",
            help="Rewriter to compare: a type, with options as TYPE:key=value,key=value. Repeatable; "
            "absent: the configured one, smollm2, its untuned base, and the rule that cuts.",
        ),
    ] = None,
    policy: Annotated[str | None, typer.Option(help="Policy that judges. Absent: the default.")] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="Folder of rewrites, enhance and injections .jsonl; absent: the project's."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for report.md, report.json and the plot.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Measure only every COUNT-th prompt.")] = 1,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure rewriters side by side: alone, and inside the gate's own stage.

    Told are: what passes the policy, keeps its subject and is like the benign reference; what an enhancement
    keeps; what injections get released, and whether a canary in the instruction leaks; CPU time. Nothing goes
    on record. docs/evaluation.md says how to read the report.

    Examples:

    - `imagegate eval rewrite --out report`
    - `imagegate eval rewrite --rewriter edit --rewriter smollm2 --every 10`
    - `imagegate eval rewrite --rewriter transformers-chat:model=/models/mine --policy strict --json`
    """
    from gateway.cli.eval_setup import progress
    from gateway.evaluation.rewrite import evaluate_rewriters
    from gateway.evaluation.rewrite_report import evaluation_view, write_report
    from gateway.evaluation.rewrite_sets import read_sets

    sets = read_sets(prompts).thinned(every)
    run = _run(settings_from(config), rewriter or (), policy)
    with progress(len(sets.rewrites), quiet=as_json) as on_step:
        evaluation = asyncio.run(evaluate_rewriters(run, sets, on_step))
    files = written(evaluation, out, write_report)
    if as_json:
        print_json({**evaluation_view(evaluation), "files": files})
        return
    _print(evaluation)
    for file in files:
        say(f"wrote {file}")


def _run(settings: Settings, named: Sequence[str], policy: str | None) -> RewriteRun:
    from gateway.core.errors import ConfigurationError
    from gateway.evaluation.libraries import require_extra
    from gateway.evaluation.rewrite import RewriteRun
    from gateway.service.wiring import (
        build_classifiers,
        build_cutter,
        build_embedder,
        build_policies,
        build_rewriter,
    )
    from policies.decision import Stage

    require_extra()
    components = _components(settings, named)
    built = build_classifiers(settings)
    chosen = build_policies(settings, built).book.get(policy or settings.policies.default)
    if chosen.rewrite.mode == "off":
        raise ConfigurationError(f"policy {chosen.ref.name}: it rewrites nothing; name another one")
    planned = [use.name for use in chosen.plan(Stage.PROMPT).classifiers]
    return RewriteRun(
        {name: built[name] for name in planned},
        chosen,
        {name: build_rewriter(component) for name, component in components.items()},
        build_cutter(),
        build_embedder(),
    )


def _components(settings: Settings, named: Sequence[str]) -> Mapping[str, ComponentSettings]:
    """Return what to compare, by the name it has in the report."""
    if named:
        return {spec: _component(spec) for spec in dict.fromkeys(named)}
    configured = {} if settings.rewriter is None else {"configured": settings.rewriter}
    return {**configured, **{spec: _component(spec) for spec in _BESIDE}}


def _component(spec: str) -> ComponentSettings:
    from gateway.core.errors import ConfigurationError
    from gateway.service.settings import ComponentSettings

    type_, _, rest = spec.partition(":")
    options: dict[str, object] = {}
    for pair in filter(None, rest.split(",")):
        key, is_pair, value = pair.partition("=")
        if not is_pair:
            raise ConfigurationError(f"--rewriter {spec}: write options as TYPE:key=value,key=value")
        options[key.strip()] = value.strip()
    return ComponentSettings(type=type_, options=options)


def _print(evaluation: RewriteEvaluation) -> None:
    from gateway.evaluation.rewrite_report import sections

    for title, rows in sections(evaluation):
        made = table("", *(figures.name for figures in evaluation.rewriters), title=title)
        for label, cells in rows:
            add_row(made, (label, *cells))
        show(made)
    say(f"policy {evaluation.policy.name} {evaluation.policy.revision[:16]}")
