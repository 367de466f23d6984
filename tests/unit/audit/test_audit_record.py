"""From draft to entry: ids, stamps, searched columns, refusals."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest

from gateway.audit.canonical import RecordInvalid
from gateway.audit.record import RecordMaker, new_id, searched
from gateway.audit.sealing import Sealer
from gateway.audit.tree import leaf_hash
from gateway.core.ports import RecordDraft


class Clock:
    """Nanoseconds that a test sets."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def wall() -> Clock:
    return Clock(1_700_000_000_123_456_789)


@pytest.fixture
def monotonic() -> Clock:
    return Clock(5_000_000_000)


@pytest.fixture
def maker(wall: Clock, monotonic: Clock) -> RecordMaker:
    return RecordMaker("node-1", Sealer(bytes(32)), boot="boot-1", clock_ns=wall, monotonic_ns=monotonic)


def test_ids_are_uuid_7_in_time_order_without_doubles() -> None:
    """Ids are version 7, RFC variant, unique, and sort by time."""
    ids = [new_id() for _ in range(2000)]
    parsed = [uuid.UUID(text) for text in ids]
    assert {item.version for item in parsed} == {7}
    assert {item.variant for item in parsed} == {uuid.RFC_4122}
    assert len(set(ids)) == len(ids)
    assert [item.int >> 64 for item in parsed] == sorted(item.int >> 64 for item in parsed)


def test_the_log_adds_its_own_fields(maker: RecordMaker, make_draft: Callable[..., RecordDraft]) -> None:
    """Version, node, times, boot, id, type, tenant and the sealed facts stand beside what was drafted."""
    draft = make_draft(request_id="req-1", action="block", sealed_text="secret words", tenant="acme")
    entry = maker.make(draft)
    public = json.loads(entry.body)
    own = {
        key: public.pop(key)
        for key in ("v", "node", "time_us", "monotonic_us", "boot", "id", "type", "tenant")
    }
    assert own == {
        "v": 1,
        "node": "node-1",
        "time_us": 1_700_000_000_123_456,
        "monotonic_us": 5_000_000,
        "boot": "boot-1",
        "id": draft.id,
        "type": "decision",
        "tenant": "acme",
    }
    assert public.pop("sealed")["alg"] == "A256GCM"
    assert public == draft.public
    assert b"secret" not in entry.body
    assert entry.leaf == leaf_hash(entry.body)


def test_without_personal_text_nothing_is_sealed(
    maker: RecordMaker, make_draft: Callable[..., RecordDraft]
) -> None:
    """A record with no sealed part has no word about one."""
    entry = maker.make(make_draft())
    assert entry.sealed is None
    assert "sealed" not in json.loads(entry.body)


@pytest.mark.parametrize("key", ["v", "node", "time_us", "monotonic_us", "boot", "sealed"])
def test_keys_of_the_log_are_refused_in_a_draft(maker: RecordMaker, key: str) -> None:
    """A draft can't write what the log itself vouches for."""
    with pytest.raises(RecordInvalid, match="leave it out"):
        maker.make(RecordDraft(type="decision", id=new_id(), public={key: 1}))


@pytest.mark.parametrize("key", ["id", "type", "tenant"])
def test_a_public_part_that_contradicts_its_draft_is_refused(maker: RecordMaker, key: str) -> None:
    """Id, type and tenant may be repeated, but not differ."""
    record_id = new_id()
    same = {"id": record_id, "type": "config", "tenant": "default"}
    maker.make(RecordDraft(type="config", id=record_id, public=same))
    with pytest.raises(RecordInvalid, match="must be those of the draft"):
        maker.make(RecordDraft(type="config", id=record_id, public={**same, key: "other"}))


def test_an_unknown_type_is_refused(maker: RecordMaker) -> None:
    """Types are a closed list."""
    with pytest.raises(RecordInvalid, match="type must be one of"):
        maker.make(RecordDraft(type="verdict", id=new_id(), public={}))


def test_searched_columns_come_from_the_public_part_alone() -> None:
    """Request, stage, action, policy, degraded and every rule and category are extracted once each."""
    base = {"id": "i", "type": "decision", "time_us": 1, "tenant": "t"}
    rules = [{"id": "r1", "category": "hate"}, {"id": "r2", "category": "hate"}, {"id": "r3", "category": ""}]
    found = searched({
        **base, "request": {"id": "q"}, "stage": "image", "action": "block", "degraded": True,
        "policy": {"name": "p", "revision": "rev"}, "rules": rules,
    })  # fmt: skip
    assert (found.request_id, found.stage, found.action, found.policy_revision) == (
        "q",
        "image",
        "block",
        "rev",
    )
    assert found.degraded == 1
    assert found.marks == (("rule", "r1"), ("category", "hate"), ("rule", "r2"), ("rule", "r3"))
    odd = searched({**base, "request": "q", "policy": 1, "rules": {"id": 1}, "degraded": "yes"})
    assert (odd.request_id, odd.policy_revision, odd.degraded, odd.marks) == (None, None, 0, ())


def test_a_clock_jump_is_seen_once(maker: RecordMaker, wall: Clock, monotonic: Clock) -> None:
    """A shift of the wall clock against the monotonic one beyond two seconds is reported, once."""
    assert maker.clock_jump_us() == 0
    wall.now_ns += 10_000_000_000
    monotonic.now_ns += 9_000_000_000
    assert maker.clock_jump_us() == 0
    wall.now_ns -= 3_600_000_000_000
    assert maker.clock_jump_us() == -3_600_000_000
    assert maker.clock_jump_us() == 0
