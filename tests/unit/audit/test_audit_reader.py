"""Filters, paging, trails and unsealing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.audit import AuditSettings, SqliteAuditLog, new_id
from gateway.audit.filters import RecordFilter
from gateway.audit.reader import AuditReader
from gateway.audit.sealing import Sealer
from gateway.audit.tree import leaf_hash
from gateway.core.errors import AuditUnavailable, ConfigurationError, NotFound, RequestInvalid
from gateway.core.ports import RecordDraft

Make = Callable[..., RecordDraft]
HATE = {"id": "no-hate", "category": "hate"}
GORE = {"id": "no-gore", "category": "violence/graphic"}


@pytest.fixture
def drafts(make_draft: Make) -> list[RecordDraft]:
    """Six records that differ in every filtered field."""
    return [
        make_draft(request_id="q1", stage="prompt", action="allow"),
        make_draft(request_id="q1", stage="image", action="block", rules=[HATE, GORE]),
        make_draft(request_id="q2", stage="prompt", action="block", rules=[HATE], tenant="acme"),
        make_draft(request_id="q3", stage="prompt", action="rewrite", degraded=True, rules=[GORE]),
        make_draft(request_id="q4", policy={"name": "strict", "revision": "r2"}, sealed_text="red apple"),
        RecordDraft(type="config", id=new_id(), public={"event": "policy loaded"}),
    ]


@pytest.fixture
def reader(settings: AuditSettings, log: SqliteAuditLog, drafts: list[RecordDraft]) -> Iterator[AuditReader]:
    futures = [log.append(draft) for draft in drafts]
    futures[-1].result(10)
    reader = AuditReader(settings.database, Sealer.from_file(settings.sealing_key, may_create=False))
    yield reader
    reader.close()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [5, 4, 3, 2, 1, 0]),
        ({"request_id": "q1"}, [1, 0]),
        ({"stage": "image"}, [1]),
        ({"action": "block"}, [2, 1]),
        ({"action": "allow"}, [4, 0]),
        ({"rule": "no-hate"}, [2, 1]),
        ({"category": "violence/graphic"}, [3, 1]),
        ({"category": "violence"}, [3, 1]),
        ({"rule": "no-hate", "category": "violence/graphic"}, [1]),
        ({"rule": "no-hate", "category": "violence"}, [1]),
        ({"category": "custom/house"}, []),
        ({"category": "hate", "action": "block", "tenant": "acme"}, [2]),
        ({"policy_revision": "r2"}, [4]),
        ({"tenant": "acme"}, [2]),
        ({"type": "config"}, [5]),
        ({"type": "config", "of_requests": True}, []),
        ({"of_requests": True}, [4, 3, 2, 1, 0]),
        ({"type": "decision"}, [4, 3, 2, 1, 0]),
        ({"degraded": True}, [3]),
        ({"degraded": False}, [5, 4, 2, 1, 0]),
        ({"to_us": 1}, []),
        ({"from_us": 1}, [5, 4, 3, 2, 1, 0]),
        ({"rule": "no-such-rule"}, []),
    ],
)
def test_each_filter_shows_exactly_what_fits(
    reader: AuditReader, filters: dict[str, object], expected: list[int]
) -> None:
    """Every filter, alone and together, newest first."""
    page = reader.records(RecordFilter(**filters))
    assert [record.index for record in page.records] == expected
    assert page.next_cursor is None
    oldest = reader.records(RecordFilter(**filters), oldest_first=True)
    assert [record.index for record in oldest.records] == expected[::-1]


def test_time_bounds_include_the_first_and_exclude_the_last(reader: AuditReader) -> None:
    """`from_us` is included, `to_us` is not."""
    times = [record.public["time_us"] for record in reader.records(oldest_first=True).records]
    page = reader.records(RecordFilter(from_us=times[2], to_us=times[4]))
    assert {record.public["time_us"] for record in page.records} <= set(times[2:4])
    assert {2, 3} >= {record.index for record in page.records}
    assert page.records


@pytest.mark.parametrize("filters", [{}, {"category": "hate"}, {"action": "allow"}])
@pytest.mark.parametrize("oldest_first", [False, True])
def test_pages_join_without_doubles_while_records_arrive(
    reader: AuditReader, log: SqliteAuditLog, make_draft: Make, filters: dict[str, str], oldest_first: bool
) -> None:
    """Paging by one shows every record of the start once, though others are appended meanwhile."""
    chosen = RecordFilter(**filters)
    expected = [record.index for record in reader.records(chosen, oldest_first=oldest_first).records]
    seen: list[int] = []
    cursor = None
    while True:
        page = reader.records(chosen, cursor=cursor, limit=1, oldest_first=oldest_first)
        seen += [record.index for record in page.records]
        cursor = page.next_cursor
        if cursor is None or len(seen) > 20:
            break
        if len(seen) == 1:
            log.append(make_draft(rules=[HATE])).result(10)
    assert [index for index in seen if index <= 5] == expected
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("field", "word", "known"),
    [
        ("type", "decisions", "heartbeat"),
        ("stage", "picture", "input-image"),
        ("action", "blocked", "regenerate"),
        ("category", "violense", "violence/graphic"),
    ],
)
def test_a_word_that_no_record_holds_is_refused(
    reader: AuditReader, field: str, word: str, known: str
) -> None:
    """A mistyped filter is an error that lists the words, never an empty list that reads as good news."""
    with pytest.raises(RequestInvalid, match=known) as refused:
        reader.records(RecordFilter(**{field: word}))
    assert refused.value.param == field


def test_a_record_hit_in_two_parts_of_a_category_is_listed_once(
    reader: AuditReader, log: SqliteAuditLog, make_draft: Make
) -> None:
    """`violence` finds a record whose rules name both `violence` and `violence/graphic` one time."""
    log.append(make_draft(rules=[GORE, {"id": "fights", "category": "violence"}])).result(10)
    page = reader.records(RecordFilter(category="violence"), limit=2)
    assert [record.index for record in page.records] == [6, 3]
    following = reader.records(RecordFilter(category="violence"), limit=2, cursor=page.next_cursor)
    assert [record.index for record in following.records] == [1]


@pytest.mark.parametrize("limit", [0, 501])
def test_a_limit_out_of_range_is_refused(reader: AuditReader, limit: int) -> None:
    """The limit is named when it is wrong."""
    with pytest.raises(RequestInvalid) as refused:
        reader.records(limit=limit)
    assert refused.value.param == "limit"


def test_one_record_is_found_by_its_id_with_its_exact_bytes(
    reader: AuditReader, drafts: list[RecordDraft]
) -> None:
    """`get` gives bytes that hash to the leaf; of another tenant, or unknown, it is not found."""
    record = reader.get(drafts[2].id)
    assert leaf_hash(record.body) == record.leaf
    assert record.public["request"]["id"] == "q2"
    assert reader.get(drafts[2].id, tenant="acme") == record
    with pytest.raises(NotFound):
        reader.get(drafts[2].id, tenant="default")
    with pytest.raises(NotFound):
        reader.get(new_id())


def test_a_trail_is_all_of_one_request_in_order(reader: AuditReader) -> None:
    """The trail tells a request from its first record on."""
    assert [record.index for record in reader.trail("q1")] == [0, 1]
    assert reader.trail("no-such-request") == ()


def test_a_trail_can_be_one_tenants(reader: AuditReader, drafts: list[RecordDraft]) -> None:
    """Clients choose their requests' ids, so a trail can be asked for by tenant."""
    assert [record.id for record in reader.trail("q2", tenant="acme")] == [drafts[2].id]
    assert reader.trail("q2", tenant="default") == ()


def test_sealed_text_opens_with_the_key_alone(
    reader: AuditReader, settings: AuditSettings, drafts: list[RecordDraft]
) -> None:
    """With the master key the text comes back; without it, or with another, it is an error."""
    assert reader.unseal(drafts[4].id) == {"prompt": "red apple"}
    with pytest.raises(NotFound, match="no sealed part"):
        reader.unseal(drafts[0].id)
    for sealer in (None, Sealer(bytes(32))):
        other = AuditReader(settings.database, sealer)
        with pytest.raises(AuditUnavailable):
            other.unseal(drafts[4].id)
        other.close()


def test_a_destroyed_key_reads_as_erased(
    reader: AuditReader, settings: AuditSettings, drafts: list[RecordDraft]
) -> None:
    """Without its wrapped key a sealed part is gone, and the record stays."""
    connection = sqlite3.connect(settings.database)
    connection.execute("DELETE FROM sealed_keys")
    connection.commit()
    connection.close()
    with pytest.raises(NotFound, match="erased"):
        reader.unseal(drafts[4].id)
    assert reader.get(drafts[4].id).index == 4


def test_a_reader_cannot_write(reader: AuditReader) -> None:
    """The connection itself refuses changes."""
    with pytest.raises(sqlite3.OperationalError):
        reader._connection.execute("DELETE FROM records")


def test_a_closed_log_is_read_too(settings: AuditSettings, make_draft: Make) -> None:
    """After the writer is gone and its WAL folded in, everything is there, with a signed head."""
    log = SqliteAuditLog.open(settings)
    log.append(make_draft()).result(10)
    log.close()
    reader = AuditReader(settings.database)
    assert reader.size() == 1
    assert reader.checkpoint() == log.checkpoint
    reader.close()


def test_no_log_is_said_so(tmp_path: Path) -> None:
    """A wrong path makes no empty log."""
    with pytest.raises(ConfigurationError, match="no audit log"):
        AuditReader(tmp_path / "audit.db")
    assert not (tmp_path / "audit.db").exists()


def test_a_damaged_file_is_said_so(tmp_path: Path) -> None:
    """A file that is no log is a configuration error."""
    (tmp_path / "audit.db").write_bytes(b"no database" * 500)
    with pytest.raises(ConfigurationError, match="can't be read"):
        AuditReader(tmp_path / "audit.db")


def test_a_closed_log_is_read_where_no_lock_file_can_be_made(
    settings: AuditSettings, make_draft: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An auditor's read-only copy opens; with a write-ahead log beside it, nothing is read past it."""
    log = SqliteAuditLog.open(settings)
    log.append(make_draft()).result(10)
    log.close()
    real = sqlite3.connect

    def read_only_folder(name: str, **options: object) -> sqlite3.Connection:
        if "immutable=1" not in name:
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return real(name, **options)

    monkeypatch.setattr(sqlite3, "connect", read_only_folder)
    reader = AuditReader(settings.database)
    assert reader.size() == 1
    reader.close()
    settings.database.with_name("audit.db-wal").write_bytes(b"records that are not folded in")
    with pytest.raises(ConfigurationError, match="can't be read"):
        AuditReader(settings.database)


def test_common_queries_use_an_index(reader: AuditReader) -> None:
    """Lists by action, request, rule and degraded search an index instead of reading the log."""
    statements: list[str] = []
    reader._connection.set_trace_callback(statements.append)
    for filters in (
        {"action": "block"},
        {"request_id": "q"},
        {"rule": "r"},
        {"degraded": True},
        {"type": "gap"},
    ):
        reader.records(RecordFilter(**filters))
    reader._connection.set_trace_callback(None)
    for statement in statements:
        plan = [row[3] for row in reader._connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        assert not any(step == "SCAN records" or "TEMP B-TREE" in step for step in plan), (statement, plan)
