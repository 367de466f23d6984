"""`imagegate policy replay`: what another policy would have decided on what is on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import ConfigOption, DataOption, JsonOption, microseconds, settings_from
from gateway.cli.policy_files import named_policy
from gateway.cli.printing import add_row, print_json, say, show, table

if TYPE_CHECKING:
    from gateway.audit.filters import RecordFilter
    from gateway.audit.reader import AuditReader
    from policies.replay import PastDecision, ReplayedDecision, ReplayReport

_SHOWN = 20


def replay(  # noqa: PLR0917  # typer: parameters are options
    policy: Annotated[str, typer.Argument(help="A name from `imagegate policy list`, or a policy file.")],
    since: Annotated[str | None, typer.Option(help="From this time, ISO 8601; UTC when no zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.")] = None,
    policy_revision: Annotated[str | None, typer.Option(help="Decided by this policy revision.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="At most this many decisions, newest first.")
    ] = 10_000,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide recorded measurements again under another policy, and say what would have changed.

    The scores come from the log: no classifier runs, no prompt is opened, and nothing is written. It reads
    beside a running server. Decisions on which the policy asks a classifier that was not asked then are
    counted apart.

    Examples:

    - `imagegate policy replay policies/shop.yaml --since 2026-11-01`
    """
    from gateway.audit.filters import RecordFilter
    from gateway.audit.reader import AuditReader
    from gateway.service.wiring import audit_settings
    from policies.replay import replay as decided_again

    filters = RecordFilter(
        from_us=microseconds(since, "--since"),
        to_us=microseconds(until, "--until"),
        tenant=tenant,
        policy_revision=policy_revision,
        type="decision",
    )
    chosen = named_policy(policy, config)
    with closing(AuditReader(audit_settings(settings_from(config, data)).database)) as reader:
        report = decided_again(chosen, _past(reader, filters, limit))
    if as_json:
        print_json({"policy": chosen.ref.name, "revision": chosen.ref.revision, **_view(report)})
    else:
        _print(report)


def _past(reader: AuditReader, filters: RecordFilter, limit: int) -> Iterator[PastDecision]:
    """The newest decisions first, page by page."""
    from gateway.audit.past import past_decision
    from gateway.audit.reader import MAX_LIMIT

    cursor, left = None, limit
    while left:
        page = reader.records(filters, cursor=cursor, limit=MAX_LIMIT)
        for record in page.records:
            past = past_decision(record.public)
            if past is not None and left:
                left -= 1
                yield past
        cursor = page.next_cursor
        if cursor is None:
            return


def _view(report: ReplayReport) -> dict[str, object]:
    return {
        "decisions": len(report.decisions) + len(report.skipped),
        "changed": [_changed(each) for each in report.decisions if each.changed],
        "moves": [
            {"from": before.word, "to": after.word, "decisions": count}
            for (before, after), count in sorted(report.moves.items())
        ],
        "not_comparable": [
            {"id": each.past.id, "not_asked_then": list(each.unmeasured)}
            for each in report.decisions
            if each.unmeasured
        ],
        "stage_skipped": list(report.skipped),
    }


def _changed(each: ReplayedDecision) -> dict[str, object]:
    return {
        "id": each.past.id,
        "stage": each.past.stage.value,
        "from": each.past.action.word,
        "to": each.decision.action.word,
        "rules": [hit.rule for hit in each.decision.rules],
    }


def _print(report: ReplayReport) -> None:
    moves = table("then", "now", "decisions")
    for (before, after), count in sorted(report.moves.items()):
        add_row(moves, (before.word, after.word, count), style="yellow" if before is not after else None)
    show(moves)
    changed = [each for each in report.decisions if each.changed]
    if changed:
        rows = table("decision", "stage", "then", "now", "rules that match now")
        for each in changed[:_SHOWN]:
            told = _changed(each)
            names = ", ".join(hit.rule for hit in each.decision.rules)
            add_row(rows, (told["id"], told["stage"], told["from"], told["to"], names))
        show(rows)
    asked = sorted({name for each in report.decisions for name in each.unmeasured})
    apart = sum(bool(each.unmeasured) for each in report.decisions)
    say(f"decisions  {len(report.decisions) + len(report.skipped)}, of them {len(changed)} would change")
    if len(changed) > _SHOWN:
        say(f"           the newest {_SHOWN} are shown; all with --json")
    if apart:
        say(f"apart      {apart} can't be compared: {', '.join(asked)} not asked then", style="yellow")
    if report.skipped:
        say(f"apart      {len(report.skipped)} at a stage that the policy skips", style="yellow")
