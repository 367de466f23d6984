"""`imagegate audit`: list records, show one, verify the whole log. Reading needs no running server.

Proofs of single records are in `audit_proof`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import audit_proof
from gateway.cli.audit_views import print_record, print_records, print_report, record_view, report_view
from gateway.cli.boundary import CORRUPT
from gateway.cli.options import ConfigOption, DataOption, JsonOption, microseconds, settings_from
from gateway.cli.printing import print_json, say

if TYPE_CHECKING:
    from gateway.audit.reader import AuditReader, StoredRecord
    from gateway.audit.settings import AuditSettings

app = typer.Typer(
    no_args_is_help=True, help="Read the log of decisions, verify it, and prove single records."
)
app.command("prove")(audit_proof.prove)
app.command("check-proof")(audit_proof.check_proof)


@app.command("list")
def list_(  # noqa: PLR0917  # typer: parameters are options
    since: Annotated[str | None, typer.Option(help="From this time, ISO 8601; UTC when no zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    request: Annotated[str | None, typer.Option(help="Of this request id.")] = None,
    stage: Annotated[
        str | None,
        typer.Option(help="prompt, prompt-recheck, rewrite, generate, input-image, image, outcome."),
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="allow, redact, regenerate, rewrite, hold, block.")
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="A rule matched on this category or one below it.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="This rule matched.")] = None,
    shadow: Annotated[str | None, typer.Option(help="This rule, on trial, matched in the request.")] = None,
    policy_revision: Annotated[str | None, typer.Option(help="Decided by this policy revision.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.")] = None,
    record_type: Annotated[
        str | None, typer.Option("--type", help="decision, config, review, access, erasure, gap, heartbeat.")
    ] = None,
    degraded: Annotated[
        bool | None, typer.Option("--degraded/--complete", help="With, or without, a missing classifier.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Records on this page.")] = 50,
    cursor: Annotated[int | None, typer.Option(help="Continue: `next_cursor` of the last page.")] = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="In the order of writing.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List records, newest first; every filter given must fit. Prompts are sealed and never listed.

    Examples:

    - `imagegate audit list --action block --since 2026-11-01`
    - `imagegate audit list --category violence --limit 5 --json`
    """
    from gateway.audit.filters import RecordFilter

    filters = RecordFilter(
        from_us=microseconds(since, "--since"),
        to_us=microseconds(until, "--until"),
        request_id=request,
        stage=stage,
        action=action,
        category=category,
        rule=rule,
        shadow=shadow,
        policy_revision=policy_revision,
        tenant=tenant,
        type=record_type,
        degraded=degraded,
    )
    with closing(_reader(_settings(config, data))) as reader:
        page = reader.records(filters, cursor=cursor, limit=limit, oldest_first=oldest_first)
    if as_json:
        print_json(
            {"records": [record_view(record) for record in page.records], "next_cursor": page.next_cursor}
        )
        return
    print_records(page.records)
    if page.next_cursor is not None:
        say(f"more: --cursor {page.next_cursor}")


@app.command("show")
def show_(  # noqa: PLR0917  # typer: parameters are options
    record_id: Annotated[str, typer.Argument(help="A record's or decision's id, or a request's.")],
    unseal: Annotated[
        bool, typer.Option("--unseal", help="Open the sealed text; that you looked goes on record first.")
    ] = False,
    tenant: Annotated[
        str | None, typer.Option(help="Of this tenant; needed where several chose the same request id.")
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a record, or all records of a request in order.

    With --unseal the prompt and the actor are shown too. An access record is written before, so that needs
    the log to itself; of a running server ask POST /v1/audit/records/ID/unseal with a reviewer's key.

    Examples:

    - `imagegate audit show 019ab…`
    - `imagegate audit show 019ab… --unseal --json`
    """
    settings = _settings(config, data)
    with closing(_reader(settings)) as reader:
        records = _found(reader, record_id, tenant)
    views = [record_view(record) for record in records]
    if unseal:
        opened = _unsealed(settings, records)
        views = [
            {**view, "unsealed": opened.get(record.id)} for view, record in zip(views, records, strict=True)
        ]
    if as_json:
        print_json(views[0] if len(views) == 1 else views)
        return
    for view in views:
        print_record(view)


@app.command()
def verify(  # noqa: PLR0917  # typer: parameters are options
    heads_file: Annotated[
        Path | None,
        typer.Option(help="Signed heads kept elsewhere; absent: the settings'.", show_default=False),
    ] = None,
    head: Annotated[
        list[Path] | None,
        typer.Option(
            help="A signed head that somebody kept, or a proof; may be repeated.", show_default=False
        ),
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(help="Public key file; absent: beside the signing key.", show_default=False)
    ] = None,
    open_sealed: Annotated[
        bool, typer.Option("--open-sealed", help="Also open every sealed part and compare its commitment.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every record, signed head and request of the log; it may be written meanwhile.

    Exit code 0 when all is well, 3 when anything is wrong; each check has its own number in `--json`.

    Examples:

    - `imagegate audit verify`
    - `imagegate audit verify --heads-file /mnt/worm/heads.txt`
    - `imagegate audit verify --head last-month.note --head decision.tlog-proof`
    """
    from gateway.audit.checkpoint import Verifier
    from gateway.audit.heads import read_note
    from gateway.audit.sealing import Sealer
    from gateway.audit.verify import verify as verify_log
    from gateway.core.errors import ConfigurationError

    settings = _settings(config, data)
    key = Verifier.parse(_read_key(public_key or settings.verifier_key))
    sealer = Sealer.from_file(settings.sealing_key, may_create=False) if open_sealed else None
    if heads_file is not None and not heads_file.is_file():
        raise ConfigurationError(f"--heads-file: there is no file {heads_file}")
    heads = heads_file or settings.heads
    notes = []
    for file in head or ():
        note = read_note(file)
        if note is None:
            raise ConfigurationError(f"--head: there is no file {file}")
        notes.append(note)
    report = verify_log(
        settings.database, [key], heads, last_head=settings.last_head, notes=notes, sealer=sealer
    )
    if as_json:
        print_json(report_view(report))
    else:
        print_report(report)
    if not report.ok:
        raise typer.Exit(CORRUPT)


def _settings(config: Path | None, data: Path | None) -> AuditSettings:
    from gateway.service.wiring import audit_settings

    return audit_settings(settings_from(config, data))


def _reader(settings: AuditSettings, *, unsealing: bool = False) -> AuditReader:
    from gateway.audit.reader import AuditReader
    from gateway.audit.sealing import Sealer

    sealer = Sealer.from_file(settings.sealing_key, may_create=False) if unsealing else None
    return AuditReader(settings.database, sealer)


def _found(reader: AuditReader, record_id: str, tenant: str | None) -> Sequence[StoredRecord]:
    """The record of that id, else the records of that request, which must be one tenant's."""
    from gateway.core.errors import NotFound, RequestInvalid

    try:
        return [reader.get(record_id, tenant=tenant)]
    except NotFound:
        trail = reader.trail(record_id, tenant=tenant)
        if not trail:
            raise
    tenants = sorted({str(record.public["tenant"]) for record in trail})
    if len(tenants) > 1:
        raise RequestInvalid(
            f"requests of several tenants have this id; name one of {', '.join(tenants)}", param="--tenant"
        )
    return trail


def _unsealed(settings: AuditSettings, records: Sequence[StoredRecord]) -> dict[str, dict[str, str]]:
    """Put the look on record, wait until that is durable, then open."""
    from gateway.audit.log import SqliteAuditLog
    from gateway.audit.record import new_id
    from gateway.core.errors import NotFound
    from gateway.core.ports import RecordDraft

    sealed = [record.id for record in records if "sealed" in record.public]
    if not sealed:
        raise NotFound("nothing is sealed in this record", param="id")
    log = SqliteAuditLog.open(settings)
    try:
        looked = RecordDraft("access", new_id(), {"surface": "cli", "records": sealed}, {"actor": _who()})
        log.append(looked).result(timeout=30)
    finally:
        log.close()
    with closing(_reader(settings, unsealing=True)) as reader:
        return {record_id: reader.unseal(record_id) for record_id in sealed}


def _who() -> str:
    """The account at this terminal."""
    import getpass

    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # no such account, as in some containers
        return "cli"


def _read_key(path: Path) -> str:
    from gateway.core.errors import ConfigurationError

    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the public key {path} can't be read; name it with --public-key, or --data with the log's folder"
        ) from error
