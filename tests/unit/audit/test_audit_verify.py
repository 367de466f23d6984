"""Verification: every way to tamper without the signing key is found, and named by its check."""

from __future__ import annotations

import json
import shutil
import sqlite3
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.audit import AuditSettings, SqliteAuditLog, new_id
from gateway.audit.canonical import canonical
from gateway.audit.checkpoint import Head, Signer, Verifier
from gateway.audit.sealing import Sealer
from gateway.audit.tree import Frontier, leaf_hash
from gateway.audit.verdicts import EXIT_CODES, VerifyReport
from gateway.audit.verify import verify
from gateway.core.ports import RecordDraft

Make = Callable[..., RecordDraft]
REQUESTS = 5


def fill(settings: AuditSettings, make_draft: Make, first: int = 0) -> None:
    """Append some closed requests of two records each, and close."""
    log = SqliteAuditLog.open(settings)
    rules = [{"id": "no-hate", "category": "hate"}]
    for number in range(first, first + REQUESTS):
        log.append(make_draft(request_id=f"q{number}", action="block", rules=rules, sealed_text="x")).result(
            10
        )
        log.append(make_draft(request_id=f"q{number}", stage="outcome", sealed_text="y")).result(10)
    log.close()


@pytest.fixture
def filled(settings: AuditSettings, make_draft: Make) -> AuditSettings:
    fill(settings, make_draft)
    return settings


def check(settings: AuditSettings, **options: object) -> VerifyReport:
    key = Verifier.parse(settings.verifier_key.read_text())
    sealer = Sealer.from_file(settings.sealing_key, may_create=False)
    options = {"heads_file": settings.heads, "sealer": sealer, "open_for_s": 0, **options}
    return verify(settings.database, [key], **options)


def failed(report: VerifyReport) -> set[str]:
    return {found.name for found in report.checks if not found.ok}


@contextmanager
def tampering(settings: AuditSettings) -> Iterator[sqlite3.Connection]:
    """Full write access to the database, without the signing key."""
    connection = sqlite3.connect(settings.database)
    yield connection
    connection.commit()
    connection.close()


def test_an_untouched_log_passes_every_check(filled: AuditSettings) -> None:
    """Exit code 0, all records covered by a head, and the heads file was looked at."""
    report = check(filled)
    assert report.ok, report
    assert report.exit_code == 0
    assert (report.size, report.unsigned_records, report.open_requests) == (2 * REQUESTS, 0, 0)
    assert report.heads >= 2
    assert report.heads_file_checked
    assert {found.name: found.exit_code for found in report.checks} == EXIT_CODES
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)


def test_a_log_verifies_while_it_is_written(settings: AuditSettings, make_draft: Make) -> None:
    """Reading the heads before the database makes a live log pass."""
    log = SqliteAuditLog.open(settings)
    for _ in range(5):
        futures = [log.append(make_draft()) for _ in range(300)]
        assert check(settings, open_for_s=600).ok
        futures[-1].result(10)
    log.close()


def edit(connection: sqlite3.Connection, index: int, *, rehash: bool) -> None:
    body = json.loads(connection.execute("SELECT body FROM records WHERE idx = ?", (index,)).fetchone()[0])
    changed = canonical({**body, "verdict": "changed"})
    connection.execute("UPDATE records SET body = ? WHERE idx = ?", (changed, index))
    if rehash:
        connection.execute("UPDATE records SET leaf = ? WHERE idx = ?", (leaf_hash(changed), index))


def renumber(connection: sqlite3.Connection, start: int, by: int) -> None:
    for table in ("records", "sealed", "sealed_keys", "marks"):
        connection.execute(f"UPDATE {table} SET idx = -(idx + ?) WHERE idx >= ?", (by, start))
        connection.execute(f"UPDATE {table} SET idx = -idx WHERE idx < 0")


def delete(connection: sqlite3.Connection, index: int) -> None:
    for table in ("records", "sealed", "sealed_keys", "marks"):
        connection.execute(f"DELETE FROM {table} WHERE idx = ?", (index,))


def delete_and_renumber(connection: sqlite3.Connection) -> None:
    delete(connection, 4)
    renumber(connection, 5, -1)


def swap(connection: sqlite3.Connection) -> None:
    for table in ("records", "sealed", "sealed_keys", "marks"):
        connection.execute(
            f"UPDATE {table} SET idx = CASE idx WHEN 2 THEN -3 ELSE -2 END WHERE idx IN (2, 3)"
        )
        connection.execute(f"UPDATE {table} SET idx = -idx WHERE idx < 0")


def insert(connection: sqlite3.Connection, index: int) -> None:
    renumber(connection, index, 1)
    forged = {"id": new_id(), "type": "config", "time_us": 1, "tenant": "default", "v": 1}
    body = canonical(forged)
    connection.execute(
        "INSERT INTO records VALUES (?, ?, 'config', 1, 'default', NULL, NULL, NULL, NULL, 0, ?, ?)",
        (index, forged["id"], leaf_hash(body), body),
    )


def pretty_print(connection: sqlite3.Connection) -> None:
    body = json.loads(connection.execute("SELECT body FROM records WHERE idx = 1").fetchone()[0])
    spaced = json.dumps(body, sort_keys=True).encode()
    connection.execute("UPDATE records SET body = ?, leaf = ? WHERE idx = 1", (spaced, leaf_hash(spaced)))


def roll_back_inside(connection: sqlite3.Connection) -> None:
    """Cut everything back to an earlier signed head, heads included."""
    for table in ("records", "sealed", "sealed_keys", "marks"):
        connection.execute(f"DELETE FROM {table}")
    connection.execute("DELETE FROM checkpoints WHERE size > 0")


def rewrite_history(connection: sqlite3.Connection) -> None:
    """Edit a record, then rehash everything and sign with a key of one's own."""
    edit(connection, 3, rehash=True)
    signer = Signer("test.example/log", bytes(32))
    edge = Frontier()
    for (leaf,) in connection.execute("SELECT leaf FROM records ORDER BY idx").fetchall():
        edge.add(leaf)
    note = signer.sign(Head(edge.size, edge.root()))
    connection.execute("DELETE FROM checkpoints WHERE size > 0")
    connection.execute(
        "INSERT INTO checkpoints VALUES (?, ?, ?, ?, 1)", (edge.size, edge.root(), edge.to_bytes(), note)
    )


TAMPERING: list[tuple[str, Callable[[sqlite3.Connection], object], set[str]]] = [
    ("edit", lambda c: edit(c, 3, rehash=False), {"leaf", "root", "heads file"}),
    ("edit and rehash", lambda c: edit(c, 3, rehash=True), {"root", "heads file"}),
    ("edit the last", lambda c: edit(c, 9, rehash=True), {"root", "heads file"}),
    ("edit, rehash and sign all", rewrite_history, {"signature", "heads file"}),
    ("not canonical", pretty_print, {"canonical bytes", "root"}),
    ("body as text", lambda c: c.execute("UPDATE records SET body = 'x' WHERE idx = 1"), {"canonical bytes"}),
    ("leaf only", lambda c: c.execute("UPDATE records SET leaf = zeroblob(32) WHERE idx = 1"), {"leaf"}),
    ("delete one", lambda c: delete(c, 4), {"dense index"}),
    ("delete the first", lambda c: delete(c, 0), {"dense index"}),
    ("delete the last", lambda c: delete(c, 9), {"root", "heads file"}),
    ("delete and renumber", delete_and_renumber, {"root", "heads file"}),
    ("reorder", swap, {"root", "heads file"}),
    ("insert inside", lambda c: insert(c, 4), {"root", "heads file"}),
    ("insert at the end", lambda c: insert(c, 10), {"root"}),
    ("roll back inside", roll_back_inside, {"heads file"}),
    ("column", lambda c: c.execute("UPDATE records SET action = 'allow' WHERE idx = 0"), {"columns"}),
    ("column null", lambda c: c.execute("UPDATE records SET request_id = NULL WHERE idx = 0"), {"columns"}),
    ("mark removed", lambda c: c.execute("DELETE FROM marks WHERE idx = 2"), {"columns"}),
    ("mark added", lambda c: c.execute("INSERT INTO marks VALUES ('rule', 'x', 1)"), {"columns"}),
    ("mark moved", lambda c: c.execute("UPDATE marks SET idx = 3 WHERE idx = 2"), {"columns"}),
    ("box altered", lambda c: c.execute("UPDATE sealed SET box = zeroblob(99) WHERE idx = 0"), {"sealed"}),
    ("box as text", lambda c: c.execute("UPDATE sealed SET box = box || 'x' WHERE idx = 0"), {"sealed"}),
    ("key id", lambda c: c.execute("UPDATE sealed_keys SET kid = 'x' WHERE idx = 0"), {"sealed"}),
    ("key as text", lambda c: c.execute("UPDATE sealed_keys SET wrapped = 'x' WHERE idx = 0"), {"sealed"}),
    ("box removed", lambda c: c.execute("DELETE FROM sealed WHERE idx = 0"), {"sealed"}),
    ("key removed", lambda c: c.execute("DELETE FROM sealed_keys WHERE idx = 0"), {"sealed"}),
    ("key altered", lambda c: c.execute("UPDATE sealed_keys SET wrapped = zeroblob(60)"), {"sealed"}),
    ("head edited", lambda c: c.execute("UPDATE checkpoints SET note = replace(note, 1, 2)"), {"signature"}),
    ("head's root", lambda c: c.execute("UPDATE checkpoints SET root = zeroblob(32)"), {"root"}),
    ("head's edge", lambda c: c.execute("UPDATE checkpoints SET peaks = 'x' WHERE size = 10"), {"root"}),
    ("no heads", lambda c: c.execute("DELETE FROM checkpoints"), {"signature"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tamper", "expected"), [case[1:] for case in TAMPERING], ids=[case[0] for case in TAMPERING]
)
def test_tampering_with_the_database_is_found(
    filled: AuditSettings, tamper: Callable[[sqlite3.Connection], object], expected: set[str]
) -> None:
    """Every change of the database made without the signing key fails the checks that name it."""
    with tampering(filled) as connection:
        tamper(connection)
    report = check(filled)
    assert expected <= failed(report), failed(report)
    assert report.exit_code in {EXIT_CODES[name] for name in failed(report)}


def test_an_older_copy_is_found_by_the_heads_file_alone(
    settings: AuditSettings, make_draft: Make, tmp_path: Path
) -> None:
    """A backup put back verifies by itself, and fails against the heads outside."""
    fill(settings, make_draft)
    shutil.copytree(settings.folder, tmp_path / "backup")
    fill(settings, make_draft, first=REQUESTS)
    shutil.rmtree(settings.folder)
    shutil.copytree(tmp_path / "backup", settings.folder)
    assert failed(check(settings)) == {"heads file"}
    alone = check(settings, heads_file=None)
    assert alone.ok
    assert not alone.heads_file_checked


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda lines: [], {"heads file"}),
        (lambda lines: [lines[0].replace("test.example", "evil.example"), *lines[1:]], {"heads file"}),
        (lambda lines: [*lines, '"torn'], {"heads file"}),
        (lambda lines: [*lines, "7"], {"heads file"}),
        (lambda lines: lines[::-1], {"consistency"}),
    ],
)
def test_a_damaged_heads_file_is_found(
    filled: AuditSettings, damage: Callable[[list[str]], list[str]], expected: set[str]
) -> None:
    """Emptied, altered, torn without a recorded gap, or reordered: the report says so."""
    lines = filled.heads.read_text().splitlines()
    filled.heads.write_text("".join(line + "\n" for line in damage(lines)))
    assert failed(check(filled)) == expected


def test_a_split_view_is_found(filled: AuditSettings) -> None:
    """Two roots signed for one size, even by the true key, are inconsistent."""
    signer = Signer.from_file(filled.signing_key, filled.verifier_key, filled.origin, may_create=False)
    with filled.heads.open("a") as heads:
        heads.write(json.dumps(signer.sign(Head(2 * REQUESTS, sha256(b"other").digest()))) + "\n")
    assert {"consistency", "heads file"} <= failed(check(filled))


def test_a_wrong_public_key_fails_signatures(filled: AuditSettings) -> None:
    """Another key's log is not this one's."""
    other = Signer("test.example/log", bytes(32)).verifier
    report = verify(filled.database, [other], filled.heads, open_for_s=0)
    assert {"signature", "heads file"} <= failed(report)


def test_a_damaged_file_is_a_finding_not_a_crash(filled: AuditSettings) -> None:
    """When SQLite itself gives up, the report names it with its own exit code."""
    size = filled.database.stat().st_size
    with filled.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    report = check(filled)
    assert report.exit_code == EXIT_CODES["readable"]


def test_an_open_request_is_waited_for_then_reported(settings: AuditSettings, make_draft: Make) -> None:
    """A request without outcome counts as open for a while, then as never closed."""
    log = SqliteAuditLog.open(settings)
    log.append(make_draft(request_id="lost")).result(10)
    log.close()
    report = check(settings, open_for_s=600)
    assert report.ok
    assert report.open_requests == 1
    assert failed(check(settings, open_for_s=0)) == {"request closed"}


@pytest.mark.parametrize(
    ("reason", "expected"), [("unclean shutdown", set()), ("clock jump", {"request closed"})]
)
def test_a_request_cut_by_a_recorded_crash_is_explained(
    settings: AuditSettings, make_draft: Make, reason: str, expected: set[str]
) -> None:
    """A gap after a crash explains open requests before it; other gaps and later requests don't."""
    log = SqliteAuditLog.open(settings)
    log.append(make_draft(request_id="cut")).result(10)
    log.append(RecordDraft(type="gap", id=new_id(), public={"reason": reason})).result(10)
    log.close()
    assert failed(check(settings, open_for_s=0)) == expected


@pytest.mark.parametrize(
    ("closing", "named", "expected"),
    [
        ("acme", "first", set()),
        ("acme", "second", {"request closed"}),
        ("shop", "first", {"request closed"}),
        ("acme", "both", set()),
        ("acme", None, set()),
    ],
)
def test_an_outcome_closes_what_it_names_of_its_own_tenant(
    settings: AuditSettings, make_draft: Make, closing: str, named: str | None, expected: set[str]
) -> None:
    """Two tenants, or one client twice, may give a request the same id: none closes the other's."""
    log = SqliteAuditLog.open(settings)
    first = make_draft(request_id="one", tenant="acme")
    log.append(first).result(10)
    names = {"first": [first.id], "second": [new_id()], "both": [new_id(), first.id]}
    records = {"records": names[named]} if named else {}
    log.append(make_draft(request_id="one", tenant=closing, stage="outcome", **records)).result(10)
    log.close()
    assert failed(check(settings, open_for_s=0)) == expected


def test_an_erasure_on_record_explains_a_missing_key(settings: AuditSettings, make_draft: Make) -> None:
    """A destroyed key is a loss unless a later erasure record names its record."""
    log = SqliteAuditLog.open(settings)
    draft = replace(make_draft(stage="outcome"), sealed={"prompt": "x"})
    log.append(draft).result(10)
    log.append(RecordDraft(type="erasure", id=new_id(), public={"erased": [draft.id]})).result(10)
    log.close()
    with tampering(settings) as connection:
        connection.execute("DELETE FROM sealed_keys")
    assert check(settings).ok


def test_the_documented_checks_are_all_of_them() -> None:
    """docs/audit.md tells every check with its number."""
    page = (Path(__file__).parents[3] / "docs" / "audit.md").read_text()
    for name, code in EXIT_CODES.items():
        assert f"| {code} | {name} |" in page


def test_an_outsider_needs_none_of_our_code(filled: AuditSettings) -> None:
    """The recipe of docs/audit.md, with hashlib and SQLite alone, arrives at the signed root."""

    def root(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return leaves[0]
        split = 1
        while split * 2 < len(leaves):
            split *= 2
        return sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()

    with tampering(filled) as connection:
        rows = connection.execute("SELECT body, leaf FROM records ORDER BY idx").fetchall()
    assert all(sha256(b"\x00" + body).digest() == leaf for body, leaf in rows)
    note = json.loads(filled.heads.read_text().splitlines()[-1])
    origin, size, signed_root = note.splitlines()[:3]
    assert (origin, size) == ("test.example/log", str(len(rows)))
    assert b64decode(signed_root) == root([leaf for _, leaf in rows])
