"""Whatever is done to a proof, a note, a file of heads or the database ends in exit code 3 and a sentence."""

from __future__ import annotations

import base64
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from gateway.audit import AuditSettings, SqliteAuditLog, new_id
from gateway.audit.checkpoint import NoteInvalid, Verifier
from gateway.audit.heads import read_heads, read_note
from gateway.audit.proof import ProofInvalid, check_proof
from gateway.audit.reader import AuditReader
from gateway.audit.verify import verify
from gateway.cli.main import app
from gateway.core.errors import AuditCorrupt, AuditUnavailable, ConfigurationError, Conflict, NotFound
from gateway.core.ports import RecordDraft

TRIES: Final = 3_000
DATABASES: Final = 150
ODD_LINES: Final = (
    *(
        b'"\\ud800"',
        b"[" * 100_000,
        b'"\xff"',
        b"null",
        b"[]",
        b"1e999",
        b'{"a":1}',
        b'""',
        b'"\\n\\n"',
        b"\x00",
    ),
    b'"test.example/log\\n' + b"9" * 5_000 + b'\\nAA==\\n\\n"',
    '"test.example/log\\n٣\\nAA==\\n\\n"'.encode(),
    '"test.example/log\\n1\\né\\n\\n— test.example/log é\\n"'.encode(),
)
PIECES: Final = (
    "\n",
    "\n\n",
    "\r",
    "é",
    "\ud800",
    "٣",
    "—",
    " ",
    "=",
    "A",
    "-1",
    "9" * 5_000,
    "\x00",
    "\u2028",
)
ODD_VALUES: Final = (None, "text", b"\xff", 2**62, -1, 1.5, "", b"", "\ud7ff", "[" * 3_000)
COLUMNS: Final = (
    *(("records", name) for name in ("id", "type", "time_us", "tenant", "stage", "degraded", "leaf", "body")),
    *(("checkpoints", name) for name in ("root", "peaks", "note", "size")),
    *(("marks", name) for name in ("kind", "value", "idx")),
    *(("sealed", "box"), ("sealed_keys", "wrapped"), ("sealed_keys", "kid"), ("meta", "value")),
)


@pytest.fixture(scope="module")
def closed_log(tmp_path_factory: pytest.TempPathFactory) -> AuditSettings:
    settings = AuditSettings(tmp_path_factory.mktemp("mutations") / "audit", origin="test.example/log")
    log = SqliteAuditLog.open(settings)
    for number in range(6):
        for stage in ("prompt", "outcome"):
            public = {
                "request": {"id": f"q{number}"},
                "stage": stage,
                "action": "block",
                "rules": [{"id": "r"}],
            }
            log.append(RecordDraft("decision", new_id(), public, {"prompt": "a red apple"})).result(10)
    log.append(RecordDraft("review", new_id(), {"act": "note", "case": ["odd"], "decision": {}})).result(10)
    log.close()
    return settings


@pytest.fixture(scope="module")
def key(closed_log: AuditSettings) -> Verifier:
    return Verifier.parse(closed_log.verifier_key.read_text())


def mutated(text: str, chosen: random.Random) -> str:
    """One to three changes anywhere: a piece put in, put over, cut out, doubled, or a line moved."""
    for _ in range(chosen.randint(1, 3)):
        at = chosen.randrange(len(text) + 1)
        to = min(len(text), at + chosen.choice((0, 1, 1, 4, 60)))
        kind = chosen.randrange(4)
        if kind == 0:
            text = text[:at] + chosen.choice(PIECES) + text[to:]
        elif kind == 1:
            text = text[:at] + text[to:]
        elif kind == 2:
            text = text[:at] + text[at:to] * 2 + text[to:]
        else:
            lines = text.split("\n")
            chosen.shuffle(lines)
            text = "\n".join(lines)
    return text


def one_sentence(said: str) -> bool:
    return bool(said.strip()) and "\n" not in said and "Traceback" not in said


def test_a_changed_proof_does_not_hold_or_proves_the_same(closed_log: AuditSettings, key: Verifier) -> None:
    """Never another exception than `ProofInvalid`, and never another record."""
    reader = AuditReader(closed_log.database)
    records = reader.records(oldest_first=True).records
    proofs = [(record, reader.proof(record.id)) for record in records]
    reader.close()
    chosen = random.Random(6962)
    refused = 0
    for _ in range(TRIES):
        record, proof = chosen.choice(proofs)
        try:
            proved = check_proof(mutated(proof, chosen), [key])
        except ProofInvalid as error:
            refused += one_sentence(str(error))
        else:
            assert (proved.index, proved.public) == (record.index, record.public)
            refused += 1
    assert refused == TRIES


def test_a_changed_note_opens_as_nothing_or_as_the_same(closed_log: AuditSettings, key: Verifier) -> None:
    """Never another exception than `NoteInvalid`, and never another head."""
    note = read_note(closed_log.last_head)
    assert note is not None
    signed = key.open(note)
    chosen = random.Random(9162)
    for _ in range(TRIES):
        opened, said = None, "."
        try:
            opened = key.open(mutated(note, chosen))
        except NoteInvalid as error:
            said = str(error)
        assert one_sentence(said)
        assert opened in (None, signed)


@pytest.mark.parametrize("line", ODD_LINES, ids=range(len(ODD_LINES)))
def test_an_odd_line_in_the_heads_file_is_a_finding(
    closed_log: AuditSettings, key: Verifier, tmp_path: Path, line: bytes
) -> None:
    """Deep nesting, lone surrogates, no UTF-8, endless numbers: counted as damaged or unsigned."""
    heads = tmp_path / "heads.txt"
    heads.write_bytes(line + b"\n" + closed_log.heads.read_bytes())
    read = read_heads(heads, (key,))
    assert read.unsigned + read.torn == 1
    assert read.heads == read_heads(closed_log.heads, (key,)).heads
    report = verify(closed_log.database, [key], heads, notes=[line.decode(errors="surrogateescape")])
    assert {check.name for check in report.checks if not check.ok} == {"heads file", "heads given", "reviews"}


def test_an_odd_value_in_the_database_is_a_finding(
    closed_log: AuditSettings, key: Verifier, tmp_path: Path
) -> None:
    """Any column as any type: verification says what is wrong, reading and opening refuse."""
    chosen = random.Random(8785)
    for number in range(DATABASES):
        table, column = COLUMNS[number % len(COLUMNS)]
        value = chosen.choice(ODD_VALUES)
        mine = copy_of(closed_log, tmp_path / str(number))
        rewrite(mine.database, table, column, value)
        report = verify(mine.database, [key], mine.heads, last_head=mine.last_head, open_for_s=0)
        assert not report.ok
        assert all(one_sentence(said) for check in report.checks for said in check.details), (table, column)
        reading(mine)


def rewrite(database: Path, table: str, column: str, value: object) -> None:
    """Put a value where no constraint would let it: the table is made again without any."""
    connection = sqlite3.connect(database)
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.execute(f"DROP TABLE {table}")
    connection.execute(f"CREATE TABLE {table}({', '.join(names)})")
    marks = ", ".join("?" * len(names))
    for at, row in enumerate(rows):
        changed = [
            value if name == column and at == len(rows) // 2 else cell
            for name, cell in zip(names, row, strict=True)
        ]
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", changed)
    connection.commit()
    connection.close()


def reading(settings: AuditSettings) -> None:
    """Open to read and to write, as a server does at its start."""
    with refused_in_a_sentence():
        reader = AuditReader(settings.database)
        for record in reader.records(oldest_first=True).records:
            with suppress(NotFound, Conflict):  # its own id or the last head is what was altered
                reader.proof(record.id)
    with refused_in_a_sentence():
        SqliteAuditLog.open(settings).close()


@contextmanager
def refused_in_a_sentence() -> Iterator[None]:
    """A refusal of ours may leave the block; nothing else may."""
    said = "."
    try:
        yield
    except (AuditCorrupt, AuditUnavailable, ConfigurationError) as error:
        said = str(error)
    assert one_sentence(said)


def copy_of(settings: AuditSettings, folder: Path) -> AuditSettings:
    """The whole data folder, keys and heads included."""
    shutil.copytree(settings.folder.parent, folder)
    return replace(settings, folder=folder / "audit")


def cut_back(settings: AuditSettings, act: Callable[[], None]) -> bytes:
    """Do `act` on a log, then put the database and its heads file back to what they were before."""
    before, heads = settings.database.read_bytes(), settings.heads.read_bytes()
    act()
    last = settings.last_head.read_bytes()
    settings.database.write_bytes(before)
    settings.heads.write_bytes(heads)
    return last


def one_more(settings: AuditSettings) -> None:
    log = SqliteAuditLog.open(settings)
    log.append(RecordDraft("decision", new_id(), {"request": {"id": "q"}, "stage": "outcome"})).result(10)
    log.close()


def test_a_log_cut_back_with_its_heads_file_is_found(
    closed_log: AuditSettings, key: Verifier, tmp_path: Path
) -> None:
    """The last head beside the signing key names more records: no start, and exit code 3."""
    mine = copy_of(closed_log, tmp_path / "data")
    last = cut_back(mine, lambda: one_more(mine))
    report = verify(mine.database, [key], mine.heads, last_head=mine.last_head)
    assert {check.name for check in report.checks if not check.ok} == {"last head", "reviews"}
    with pytest.raises(AuditCorrupt, match="shorter than a head signed earlier"):
        SqliteAuditLog.open(mine)

    mine.last_head.unlink()  # all three places changed: what somebody else kept still shows it
    without = verify(mine.database, [key], mine.heads, last_head=mine.last_head)
    assert not without.last_head_checked
    given = verify(mine.database, [key], mine.heads, notes=[last.decode()])
    assert {check.name for check in given.checks if not check.ok} == {"heads given", "reviews"}
    SqliteAuditLog.open(mine).close()
    reader = AuditReader(mine.database)
    assert [record.public["reason"] for record in reader.records().records if record.type == "gap"] == [
        "last head missing"
    ]
    reader.close()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"odd\n", b'"' + b"[" * 50_000])
def test_a_last_head_that_is_none_does_not_open(
    closed_log: AuditSettings, tmp_path: Path, content: bytes
) -> None:
    """What was altered is not taken for what is missing."""
    mine = copy_of(closed_log, tmp_path / "data")
    mine.last_head.write_bytes(content)
    with pytest.raises(AuditCorrupt, match="was altered"):
        SqliteAuditLog.open(mine)


def test_the_command_ends_in_3_and_a_sentence(
    closed_log: AuditSettings, key: Verifier, tmp_path: Path
) -> None:
    """Mutated proofs and notes at the command line, bytes that are no text included."""
    reader = AuditReader(closed_log.database)
    proof = reader.proof(reader.records().records[0].id)
    reader.close()
    public = tmp_path / "log.pub"
    public.write_text(str(key))
    chosen = random.Random(7)
    for number in range(25):
        file = tmp_path / f"{number}.tlog-proof"
        raw = mutated(proof, chosen).encode(errors="surrogatepass")
        file.write_bytes(raw if number else base64.b64decode("/////w=="))
        asked = ["audit", "check-proof", str(file), "--public-key", str(public), "--json"]
        ran = CliRunner().invoke(app, asked)
        assert ran.exit_code == 3, (number, ran.output, ran.exception)
        assert isinstance(ran.exception, SystemExit)
        assert one_sentence(json.loads(ran.output)["reason"])
