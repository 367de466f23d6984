"""The review database's form: a new file and a migrated one are the same, and a newer one is refused."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from gateway.core.errors import ConfigurationError
from gateway.review import schema
from gateway.review.store import ReviewStore


def form_of(connection: sqlite3.Connection) -> dict[str, str]:
    """Every table and index with its SQL; white space, comments and where a column's comma stands aside."""
    rows = connection.execute("SELECT type || ' ' || name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {name: re.sub(r"--.*|\s", "", sql) for name, sql in rows}


def test_a_new_file_is_what_the_migrations_make(tmp_path: Path) -> None:
    """Nobody's database depends on when it was made."""
    fresh, stepped = schema.connect_writer(tmp_path / "fresh"), schema.connect_writer(tmp_path / "stepped")
    schema.migrate(fresh)
    for step in schema.migrations():
        schema._apply(stepped, step.sql, step.number)

    assert form_of(fresh) == form_of(stepped)
    assert len(form_of(fresh)) > 20
    versions = [c.execute("PRAGMA user_version").fetchone()[0] for c in (fresh, stepped)]
    assert versions == [len(schema.migrations())] * 2
    fresh.close()
    stepped.close()


def test_migrations_are_numbered_without_a_gap() -> None:
    """A step that is left out would never run."""
    numbers = [step.number for step in schema.migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """An older program must not write what it does not know."""
    connection = schema.connect_writer(tmp_path / "review.sqlite")
    connection.execute("PRAGMA user_version = 9999")
    connection.close()

    with pytest.raises(ConfigurationError, match="form 9999"):
        ReviewStore.open(tmp_path / "review.sqlite")


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Half a migration is no form at all."""
    connection = schema.connect_writer(tmp_path / "review.sqlite")
    schema.migrate(connection)
    before = form_of(connection)

    with pytest.raises(sqlite3.Error):
        schema._apply(connection, "CREATE TABLE more(a TEXT);\nCREATE TABLE meta(b TEXT);\n", 99)

    assert form_of(connection) == before
    connection.close()
