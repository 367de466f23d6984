"""Records and verification reports as people and programs see them.

Duty: which fields are shown, and how. It reads no log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gateway.cli.printing import add_row, say, show, table

if TYPE_CHECKING:
    from gateway.audit.reader import StoredRecord
    from gateway.audit.verdicts import VerifyReport


def record_view(record: StoredRecord) -> dict[str, Any]:
    """The public part with its place and leaf hash."""
    return {"index": record.index, "leaf": record.leaf.hex(), **record.public}


def print_records(records: Sequence[StoredRecord]) -> None:
    """A table, one record a row; nothing that is sealed."""
    rows = table("index", "time (UTC)", "type", "stage", "action", "categories", "rules", "request", "id")
    for record in records:
        public = record.public
        hits = [hit for hit in public.get("rules") or () if isinstance(hit, Mapping)]
        request = public.get("request") or {}
        cells = (
            record.index,
            _time(public.get("time_us")),
            record.type,
            public.get("stage"),
            # A request's last record says how it ended; its action alone would call a cancelled one blocked.
            str(public.get("outcome") or public.get("action") or "")
            + (" degraded" if public.get("degraded") else ""),
            ", ".join(sorted({str(hit.get("category")) for hit in hits if hit.get("category")})),
            ", ".join(str(hit.get("id")) for hit in hits),
            request.get("id"),
            record.id,
        )
        add_row(rows, cells, style="red" if public.get("action") == "block" else None)
    show(rows)


def print_record(view: Mapping[str, Any]) -> None:
    """One field a line."""
    import orjson

    for key, value in view.items():
        shown = _time(value) if key == "time_us" else value
        if isinstance(shown, Mapping | list):
            shown = orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()
        say(f"{key:<14}{shown}")
    say("")


def _time(microseconds: object) -> str:
    if not isinstance(microseconds, int):
        return ""
    moment = datetime.fromtimestamp(microseconds / 1_000_000, UTC)
    return moment.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


def print_report(report: VerifyReport) -> None:
    """Every check with its first finding, then what was covered."""
    rows = table("check", "findings", "first")
    for check in report.checks:
        first = check.details[0] if check.details else "ok"
        add_row(rows, (check.name, check.failures, first), style=None if check.ok else "red")
    show(rows)
    say(f"records    {report.size}, root {report.root.hex()}")
    say(f"heads      {report.heads} signed; {report.unsigned_records} records after the last one")
    if report.open_requests:
        say(f"open       {report.open_requests} requests without outcome yet")
    if not report.heads_file_checked:
        say("no heads file: a rollback to an older copy can't be seen", style="yellow")
    say("the log verifies" if report.ok else "THE LOG IS CORRUPT", style="green" if report.ok else "red")


def report_view(report: VerifyReport) -> dict[str, object]:
    """Every check with its number, its findings' count and the first of them."""
    return {
        "ok": report.ok,
        "records": report.size,
        "root": report.root.hex(),
        "heads": report.heads,
        "unsigned_records": report.unsigned_records,
        "open_requests": report.open_requests,
        "heads_file_checked": report.heads_file_checked,
        "checks": [
            {"name": c.name, "code": c.exit_code, "failures": c.failures, "details": list(c.details)}
            for c in report.checks
        ],
    }
