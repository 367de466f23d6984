"""The SQLite form of the log: tables, pragmas, connections. It knows no record and no tree."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

from gateway.core.errors import ConfigurationError

FORMAT: Final = "1"

# Partial indexes: what is common (allowed decisions) pays for none of them, what is looked for has one.
TABLES: Final = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE records(
  idx INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  time_us INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  request_id TEXT,
  stage TEXT,
  action TEXT,
  policy_revision TEXT,
  degraded INTEGER NOT NULL,
  leaf BLOB NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX records_request ON records(request_id) WHERE request_id IS NOT NULL;
CREATE INDEX records_time ON records(time_us);
CREATE INDEX records_action ON records(action) WHERE action <> 'allow';
CREATE INDEX records_type ON records(type) WHERE type <> 'decision';
CREATE INDEX records_degraded ON records(idx) WHERE degraded = 1;
CREATE TABLE marks(
  kind TEXT NOT NULL, value TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY(kind, value, idx)
) WITHOUT ROWID;
CREATE TABLE sealed(idx INTEGER PRIMARY KEY, box BLOB NOT NULL);
CREATE TABLE sealed_keys(idx INTEGER PRIMARY KEY, kid TEXT NOT NULL, wrapped BLOB NOT NULL);
CREATE TABLE checkpoints(
  size INTEGER PRIMARY KEY,
  root BLOB NOT NULL,
  peaks BLOB NOT NULL,
  note TEXT NOT NULL,
  time_us INTEGER NOT NULL
);
"""


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the one writing connection: WAL, every commit synced, deleted bytes overwritten, mode 0600.

    The WAL is folded back every 4,000 pages (16 MB), so that a commit rarely pays for it.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    pragmas = (
        "journal_mode=WAL",
        "synchronous=FULL",
        "fullfsync=ON",
        "secure_delete=ON",
        "wal_autocheckpoint=4000",
        "busy_timeout=5000",
        "trusted_schema=OFF",
    )
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a connection that can't write.

    A closed log in a folder that can't be written (an auditor's read-only copy) is opened as immutable, since
    SQLite could not make its lock files there; never while a write-ahead log lies beside it.

    Raises:
        ConfigurationError: no such file.
        sqlite3.DatabaseError: SQLite can't read it.
    """
    if not path.is_file():
        raise ConfigurationError(f"no audit log at {path}")
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        return _open_reader(uri)
    except sqlite3.OperationalError:
        if path.with_name(path.name + "-wal").exists():
            raise
        return _open_reader(uri + "&immutable=1")


def _open_reader(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA busy_timeout=5000")
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    except (sqlite3.Error, UnicodeDecodeError):
        connection.close()
        raise
    return connection


def create_if_empty(connection: sqlite3.Connection, node: str) -> None:
    """Create the tables in one transaction, or check that they are of this format.

    Raises:
        ConfigurationError: a newer or unknown format.
    """
    if not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        connection.execute("BEGIN IMMEDIATE")
        for statement in TABLES.strip().split(";\n"):
            connection.execute(statement)
        connection.executemany(
            "INSERT INTO meta VALUES (?, ?)", [("format", FORMAT), ("node", node), ("clean", "1")]
        )
        connection.execute("COMMIT")
    found = meta(connection, "format")
    if found != FORMAT:
        raise ConfigurationError(f"the audit log has format {found}; this version reads format {FORMAT}")


def meta(connection: sqlite3.Connection, key: str) -> str | None:
    """Return one value of the table `meta`."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])
