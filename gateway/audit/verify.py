"""Checking a whole log without trusting it: records re-hashed, heads compared, requests closed.

Duty: read and judge; it never repairs. What it trusts are the public keys and the heads given to it. The
checks of one record are in `record_checks`.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.audit.checkpoint import Head, Verifier
from gateway.audit.heads import HeadsRead, open_with_any, read_heads, read_note
from gateway.audit.record_checks import OpenRequests, RecordChecks
from gateway.audit.review_checks import ReviewChecks
from gateway.audit.schema import connect_reader, meta
from gateway.audit.sealing import Sealer
from gateway.audit.tree import Frontier
from gateway.audit.verdicts import Findings, VerifyReport

_ROWS: Final = """
SELECT r.idx, r.id, r.type, r.time_us, r.tenant, r.request_id, r.stage, r.action, r.policy_revision,
       r.degraded, r.leaf, r.body, s.box, k.wrapped, k.kid
FROM records r LEFT JOIN sealed s USING (idx) LEFT JOIN sealed_keys k USING (idx) ORDER BY r.idx
"""


def verify(
    database: Path,
    verifiers: Sequence[Verifier],
    heads_file: Path | None = None,
    *,
    last_head: Path | None = None,
    notes: Sequence[str] = (),
    sealer: Sealer | None = None,
    open_for_s: float = 600.0,
) -> VerifyReport:
    """Check the log at `database` and return every finding.

    Heads are read before the database, so a log that is written meanwhile verifies too. `last_head` is the
    file of the last signed head, looked at when it is there; `notes` are signed heads that somebody kept.
    Without any of the three a rollback to an older, well-signed copy can't be seen, and the report says so.
    Whatever the files hold, what is wrong is a finding, never another exception. With `sealer`
    every sealed part is opened and compared with its commitment. A request without outcome counts as still
    open for `open_for_s` seconds after its last record.

    Raises:
        ConfigurationError: no log, or an unreadable file of heads.
    """
    findings = Findings()
    keys = tuple(verifiers)
    outside = read_heads(heads_file, keys) if heads_file is not None else None
    last = read_note(last_head) if last_head is not None else None
    kept = [_Kept("last head", last)] if last is not None else []
    kept += [_Kept("heads given", note) for note in notes]
    walked = _Walk(findings, outside, sealer)
    walked.take_kept(kept, keys)
    try:
        with closing(connect_reader(database)) as connection:
            connection.text_factory = _lenient_text
            connection.execute("BEGIN")  # one snapshot for all that follows
            for (fault,) in connection.execute("PRAGMA integrity_check(5)"):
                if fault != "ok":
                    findings.add("readable", f"SQLite: {fault}")
            walked.take_heads(connection, keys)
            walked.records(connection)
    except (sqlite3.Error, UnicodeDecodeError) as cause:  # the latter: in SQLite's own message
        findings.add("readable", f"SQLite: {cause}")
    except (AttributeError, TypeError, ValueError, OverflowError, MemoryError, RecursionError) as cause:
        # Stored values of a type or size that no log has: whichever check met them first could not go on.
        findings.add(
            "readable", f"a stored value is of another kind than the log writes: {type(cause).__name__}"
        )
    walked.finish(time.time_ns() // 1000 - int(open_for_s * 1e6))
    return walked.report()


class _Kept(NamedTuple):
    """A signed note from outside the log, and the check that it belongs to."""

    check: str
    note: str


class _Walk:
    """One pass over the log, with the tree growing beside it."""

    def __init__(self, findings: Findings, outside: HeadsRead | None, sealer: Sealer | None) -> None:
        self._findings = findings
        self._outside = outside
        self._inside: list[Head] = []
        self._kept: list[tuple[str, Head]] = []
        self._kept_by_check: Counter[str] = Counter()
        self._roots: dict[int, bytes] = {}
        self._wanted: set[int] = set()
        self._requests = OpenRequests()
        self._reviews = ReviewChecks()
        self._checks = RecordChecks(findings, sealer)
        self._tree = Frontier()
        self._gaps = 0

    def take_kept(self, kept: Sequence[_Kept], keys: tuple[Verifier, ...]) -> None:
        """Open the notes that were kept outside, one by one."""
        for check, note in kept:
            self._kept_by_check[check] += 1
            head = open_with_any(note, keys)
            if head is None:
                self._findings.add(check, "it is no head signed by a given key")
            else:
                self._kept.append((check, head))

    def take_heads(self, connection: sqlite3.Connection, keys: tuple[Verifier, ...]) -> None:
        """Check the signed heads by themselves, and note at which sizes roots are wanted."""
        for size, root, peaks, note in connection.execute(
            "SELECT size, root, peaks, note FROM checkpoints ORDER BY size"
        ):
            head = open_with_any(str(note), keys)
            if head is None:
                self._findings.add("signature", f"the head at {size} is not signed by a given key")
                continue
            if head != Head(size, root) or not _edge_fits(size, peaks, root):
                self._findings.add("root", f"the head at {size} is stored beside other numbers than it signs")
            self._inside.append(head)
        if not self._inside:
            self._findings.add("signature", "no signed head in the log")
        outside = self._outside.heads if self._outside else ()
        self._wanted = {head.size for head in (*self._inside, *outside, *(head for _, head in self._kept))}

    def records(self, connection: sqlite3.Connection) -> None:
        """Check every record in order."""
        self._keep_root()
        for row in _rows(connection):
            index = row[0]
            if index != self._tree.size:
                self._findings.add("dense index", f"record {self._tree.size} is missing before {index}")
                return  # what follows has other indices: every later finding would be noise
            leaf, public = self._checks.check(row)
            self._tree.add(leaf)
            if public is not None:
                self._gaps += public.get("type") == "gap"
                self._requests.see(public)
                self._reviews.see(index, public)
            self._keep_root()
        if meta(connection, "clean") == "1" and self._tree.size > max(
            (h.size for h in self._inside), default=0
        ):
            self._findings.add("root", "the log was closed in order, yet records follow its last head")
        self._checks.finish(connection.execute("SELECT kind, value, idx FROM marks"))
        for fault in self._reviews.faults(lambda ids: _named(connection, ids)):
            self._findings.add("reviews", fault)

    def _keep_root(self) -> None:
        if self._tree.size in self._wanted:
            self._roots[self._tree.size] = self._tree.root()

    def finish(self, open_since_us: int) -> None:
        """Compare heads with the tree and with each other; then the requests."""
        self._compare_inside()
        self._compare_pairs()
        if self._outside is not None:
            self._compare_outside(self._outside)
        for check, head in self._kept:
            self._compare_head(check, head)
        for tenant, request_id in self._requests.never_closed(open_since_us):
            self._findings.add(
                "request closed", f"request {request_id} of tenant {tenant} has decisions but no outcome"
            )

    def _compare_inside(self) -> None:
        for head in self._inside:
            root = self._roots.get(head.size)
            if root is None:
                self._findings.add(
                    "root", f"a head was signed at {head.size}, the log ends at {self._tree.size}"
                )
            elif root != head.root:
                self._findings.add("root", f"the root at {head.size} is not the signed one")

    def _compare_pairs(self) -> None:
        """Two heads are consistent when both are roots of this one tree; same size, two roots: never."""
        seen: dict[int, bytes] = {}
        for head in (*(self._outside.heads if self._outside else ()), *self._inside):
            if seen.setdefault(head.size, head.root) != head.root:
                self._findings.add("consistency", f"two different roots are signed at {head.size}")
        sizes = [head.size for head in self._outside.heads] if self._outside else []
        for earlier, later in pairwise(sizes):
            if later < earlier:
                self._findings.add("consistency", f"a head at {later} was signed after one at {earlier}")

    def _compare_outside(self, outside: HeadsRead) -> None:
        if not outside.heads:
            self._findings.add("heads file", "it holds no head signed by a given key")
        if outside.unsigned:
            self._findings.add("heads file", f"{outside.unsigned} heads in it are not signed by a given key")
        if outside.torn > self._gaps:
            self._findings.add(
                "heads file", f"{outside.torn} damaged lines, but only {self._gaps} recorded gaps"
            )
        for head in outside.heads:
            self._compare_head("heads file", head)

    def _compare_head(self, check: str, head: Head) -> None:
        root = self._roots.get(head.size)
        if root is None:
            self._findings.add(
                check,
                f"it has a head at {head.size}, the log ends at {self._tree.size}: records are missing",
            )
        elif root != head.root:
            self._findings.add(check, f"its root at {head.size} is not that of the log")

    def report(self) -> VerifyReport:
        """What was found."""
        signed = max((head.size for head in self._inside), default=0)
        return VerifyReport(
            size=self._tree.size,
            root=self._tree.root(),
            heads=len(self._inside),
            unsigned_records=max(0, self._tree.size - signed),
            open_requests=self._requests.still_open,
            heads_file_checked=self._outside is not None,
            last_head_checked=self._kept_by_check["last head"] > 0,
            heads_given=self._kept_by_check["heads given"],
            checks=self._findings.checks(),
        )


def _rows(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    yield from connection.execute(_ROWS)


def _named(connection: sqlite3.Connection, ids: Sequence[str]) -> list[tuple[str, int, str, str]]:
    marks = ",".join("?" * len(ids))
    sql = f"SELECT id, idx, type, tenant FROM records WHERE id IN ({marks})"  # noqa: S608 - placeholders only
    return connection.execute(sql, ids).fetchall()


def _lenient_text(stored: bytes) -> str:
    """Text that is not UTF-8 is a finding about its record, not the end of the walk."""
    return stored.decode(errors="replace")


def _edge_fits(size: int, peaks: bytes, root: bytes) -> bool:
    try:
        return Frontier.from_bytes(size, peaks).root() == root
    except (AttributeError, TypeError, ValueError):  # stored as another type, or not a hash per set bit
        return False
