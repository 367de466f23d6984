"""The store: all of a change or nothing, durable before it is told, readers beside the writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.errors import StorageUnavailable
from gateway.review.schema import connect_writer
from gateway.review.store import ReviewStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReviewStore]:
    opened = ReviewStore.open(tmp_path / "review.sqlite")
    yield opened
    opened.close()


def put(key: str, value: str) -> object:
    return lambda connection: connection.execute("INSERT INTO meta VALUES (?, ?)", (key, value))


def all_of(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return [(row["key"], row["value"]) for row in connection.execute("SELECT * FROM meta ORDER BY key")]


async def test_a_change_is_on_disk_when_it_is_told(store: ReviewStore) -> None:
    """Another connection, which shares no cache, reads it."""
    await store.write(put("a", "1"))  # type: ignore[arg-type]

    elsewhere = sqlite3.connect(store.path)
    assert elsewhere.execute("SELECT value FROM meta").fetchall() == [("1",)]
    assert elsewhere.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    elsewhere.close()
    assert await store.read(all_of) == [("a", "1")]


async def test_what_a_change_raises_undoes_it(store: ReviewStore) -> None:
    """Half a change never counts, and the next one is taken."""

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta VALUES ('a', '1')")
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(half)
    await store.write(put("b", "2"))  # type: ignore[arg-type]

    assert await store.read(all_of) == [("b", "2")]


async def test_a_reader_can_not_write(store: ReviewStore) -> None:
    """The one writer is the only one."""
    with pytest.raises(StorageUnavailable):
        await store.read(lambda c: c.execute("DELETE FROM meta").rowcount)


async def test_a_full_disk_refuses_and_later_takes_again(tmp_path: Path) -> None:
    """What does not fit is refused with a time to come again; nothing is broken by it."""

    def small(path: Path) -> sqlite3.Connection:
        return connect_writer(path)

    store = ReviewStore.open(tmp_path / "review.sqlite", connect=small)
    pages = await store.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    store._writer.execute(f"PRAGMA max_page_count = {pages + 2}")

    with pytest.raises(StorageUnavailable) as refused:
        await store.write(lambda c: c.execute("INSERT INTO meta VALUES ('a', ?)", ("x" * 100_000,)))
    assert refused.value.retry_after_s
    assert store.readiness == "ok"
    await store.write(put("b", "2"))  # type: ignore[arg-type]
    store.close()


async def test_the_file_is_its_owner_s_alone(store: ReviewStore) -> None:
    """Nobody else on the machine reads what is kept."""
    assert store.path.stat().st_mode & 0o077 == 0
