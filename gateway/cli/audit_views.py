"""Records and verification reports as people and programs see them.

Duty: which fields are shown, and how. It reads no log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gateway.cli.printing import add_row, say, show, table

if TYPE_CHECKING:
    from gateway.audit.reader import StoredRecord
    from gateway.audit.verdicts import VerifyReport


def record_view(record: StoredRecord) -> dict[str, Any]:
    """The public part with its place and leaf hash."""
    return {"index": record.index, "leaf": record.leaf.hex(), **record.public}


def print_records(records: Sequence[StoredRecord]) -> None:
    """A table, one record a row; nothing that is sealed."""
    if not records:
        say("no record fits")
        return
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
            str(public.get("outcome") or public.get("action") or _happened(public) or "")
            + (" degraded" if public.get("degraded") else ""),
            ", ".join(sorted({str(hit.get("category")) for hit in hits if hit.get("category")})),
            ", ".join(str(hit.get("id")) for hit in hits),
            request.get("id"),
            record.id,
        )
        add_row(rows, cells, style="red" if public.get("action") == "block" else None)
    show(rows)


def _happened(public: Mapping[str, Any]) -> object:
    """What a record without an action tells: the event of a `config`, the reason of a `gap`."""
    return public.get("event") or (public.get("reason") if public.get("type") == "gap" else None)


def print_record(view: Mapping[str, Any]) -> None:
    """What was decided first, one field a line; then rules and scores as tables, scores from 0 to 1."""
    import orjson

    later = [key for key in view if key not in _FIRST]
    for key in (*(key for key in _FIRST if key in view), *later):
        value = view[key]
        if value in (None, "", [], {}) or (key in _TABLES and _is_table(value)):
            continue
        shown = _time(value) if key == "time_us" else value
        if isinstance(shown, Mapping | list):
            shown = orjson.dumps(shown).decode()
        say(f"{'time (UTC)' if key == 'time_us' else key:<14}{shown}")
    for key, columns in _TABLES.items():
        if view.get(key) and _is_table(view[key]):
            _print_part(key, columns, view[key])
    say("")


_FIRST: Final = ("id", "type", "stage", "verdict", "action", "outcome", "reason", "time_us", "policy")
_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "rules": ("id", "action", "category", "severity", "score", "threshold", "classifier", "mode"),
    "shadow": ("id", "action", "category", "severity", "score", "threshold", "classifier", "mode"),
    "scores": ("classifier", "revision", "view", "category", "score"),
}


def _is_table(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, Mapping | list) for row in value)


def _print_part(title: str, columns: tuple[str, ...], rows: Sequence[Any]) -> None:
    """Rows of a record; millionths become decimals, the highest score comes first."""
    plain = [row if isinstance(row, Mapping) else dict(zip(columns, row, strict=False)) for row in rows]
    part = table(*columns, title=title)
    for row in sorted(plain, key=lambda row: -int(row.get("score") or 0)):
        cells = [
            f"{row[name] / 1e6:.6f}" if name in {"score", "threshold"} and name in row else row.get(name)
            for name in columns
        ]
        add_row(part, cells)
    show(part)


def _time(microseconds: object) -> str:
    if not isinstance(microseconds, int):
        return ""
    moment = datetime.fromtimestamp(microseconds / 1_000_000, UTC)
    return moment.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


def print_report(report: VerifyReport) -> None:
    """Every check with its first finding, then what was covered."""
    rows = table("check", "findings", "first finding")
    for check in report.checks:
        first = check.details[0] if check.details else "ok"
        add_row(rows, (check.name, check.failures, first), style=None if check.ok else "red")
    show(rows)
    say(f"records    {report.size}, root {report.root.hex()}")
    say(f"heads      {report.heads} signed; {report.unsigned_records} records after the last one")
    if report.open_requests:
        say(f"open       {report.open_requests} requests without outcome yet")
    if not (report.heads_file_checked or report.last_head_checked or report.heads_given):
        say("no head from outside: a rollback to an older copy can't be seen", style="yellow")
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
        "last_head_checked": report.last_head_checked,
        "heads_given": report.heads_given,
        "checks": [
            {"name": c.name, "code": c.exit_code, "failures": c.failures, "details": list(c.details)}
            for c in report.checks
        ],
    }
