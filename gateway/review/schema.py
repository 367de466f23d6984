"""The review database's form: numbered migrations, applied in order, each in a transaction of its own.

Duty: a file of any earlier form becomes one of the newest, or is refused. `schema.sql` is the newest form in
one piece, which a new file is made from; a test holds it against the migrations.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from gateway.core.errors import ConfigurationError

_NUMBERED: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_ROOM: Final = "gateway.review"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: its number, from 1 on without a gap, and its SQL."""

    number: int
    sql: str


def migrations() -> tuple[Migration, ...]:
    """Return every migration in order."""
    folder = resources.files(_ROOM) / "migrations"
    found = ((_NUMBERED.fullmatch(file.name), file) for file in folder.iterdir())
    steps = [Migration(int(name.group(1)), file.read_text("utf-8")) for name, file in found if name]
    return tuple(sorted(steps, key=lambda step: step.number))


def newest_form() -> str:
    """Return the SQL that makes a new file of the newest form."""
    return (resources.files(_ROOM) / "schema.sql").read_text("utf-8")


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the one writing connection: WAL, every commit synced, deleted bytes overwritten, mode 0600."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    pragmas = (
        "auto_vacuum=INCREMENTAL",  # what kept pictures took is given back; must come before the first table
        "journal_mode=WAL",
        "synchronous=FULL",
        "fullfsync=ON",
        "secure_delete=ON",
        "busy_timeout=5000",
        "trusted_schema=OFF",
    )
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a connection that can't write; any one thread may use it at a time."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("busy_timeout=5000", "query_only=ON", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the file to the newest form; return the number that it had, 0 for a new one.

    Raises:
        ConfigurationError: a newer version of this program wrote it.
    """
    steps = migrations()
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > len(steps):
        raise ConfigurationError(
            f"the review database has form {found}; this version reads up to {len(steps)}: "
            "start the newer version again, or restore a copy made before it"
        )
    if found == 0 and not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        _apply(connection, newest_form(), len(steps))
        return 0
    for step in steps[found:]:
        _apply(connection, step.sql, step.number)
    return int(found)


def _apply(connection: sqlite3.Connection, sql: str, number: int) -> None:
    """All of one step, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _statements(sql):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number:d}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(sql: str) -> Iterator[str]:
    """The file's statements, one by one: `executescript` would commit before it begins."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
