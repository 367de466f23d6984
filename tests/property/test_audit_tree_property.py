"""The tree against the recursive definition of RFC 9162, 2.1.1."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from support.audit import inclusion_proof

from gateway.audit.tree import (
    Frontier,
    consistency_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

entries = st.lists(st.binary(max_size=4), min_size=1, max_size=70)


def defined_root(items: list[bytes]) -> bytes:
    """MTH as the RFC writes it."""
    if not items:
        return sha256(b"").digest()
    if len(items) == 1:
        return sha256(b"\x00" + items[0]).digest()
    split = 1
    while split * 2 < len(items):
        split *= 2
    return sha256(b"\x01" + defined_root(items[:split]) + defined_root(items[split:])).digest()


@given(entries)
def test_root_is_that_of_the_definition(items: list[bytes]) -> None:
    """The incremental root equals the recursive definition."""
    assert root_of([leaf_hash(item) for item in items]) == defined_root(items)


@given(entries, st.data())
def test_an_edge_kept_at_any_size_grows_to_the_same_root(items: list[bytes], data: st.DataObject) -> None:
    """Storing and restoring the edge anywhere changes nothing."""
    at = data.draw(st.integers(0, len(items)))
    frontier = Frontier()
    for item in items[:at]:
        frontier.add(leaf_hash(item))
    restored = Frontier.from_bytes(at, frontier.to_bytes())
    for item in items[at:]:
        restored.add(leaf_hash(item))
    assert restored.root() == defined_root(items)


@given(entries, st.data())
def test_proofs_verify_and_altered_ones_do_not(items: list[bytes], data: st.DataObject) -> None:
    """Any leaf and any prefix can be proved; one flipped bit anywhere breaks the proof."""
    leaves = [leaf_hash(item) for item in items]
    size, root = len(leaves), root_of(leaves)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    path, older = inclusion_proof(leaves, index), consistency_proof(leaves, old)
    old_root = root_of(leaves[:old])
    assert verify_inclusion(leaves[index], index, size, path, root)
    assert verify_consistency(old, size, old_root, root, older)
    bit = data.draw(st.integers(0, 255))
    for steps, check in (
        (path, lambda p: verify_inclusion(leaves[index], index, size, p, root)),
        (older, lambda p: verify_consistency(old, size, old_root, root, p)),
    ):
        for at in range(len(steps)):
            assert not check([*steps[:at], flip(steps[at], bit), *steps[at + 1 :]])


def flip(value: bytes, bit: int) -> bytes:
    number = int.from_bytes(value, "big") ^ (1 << bit)
    return number.to_bytes(len(value), "big")
