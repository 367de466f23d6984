"""The Merkle tree against the published vectors of Certificate Transparency (RFC 6962 / RFC 9162 trees)."""

from __future__ import annotations

import pytest
from support.audit import inclusion_proof

from gateway.audit.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION_0_OF_8 = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
CONSISTENCY_6_OF_8 = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]
CONSISTENCY_2_OF_5 = [
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
]


def test_roots_of_the_reference_tree() -> None:
    """Every prefix of the reference tree has its published root, grown leaf by leaf as well as at once."""
    assert root_of([]) == EMPTY_ROOT
    frontier = Frontier()
    for size, expected in enumerate(ROOTS, start=1):
        frontier.add(LEAVES[size - 1])
        assert frontier.root().hex() == expected
        assert root_of(LEAVES[:size]).hex() == expected


def test_published_proofs() -> None:
    """Published inclusion and consistency proofs are the ones that are made here."""
    assert [step.hex() for step in inclusion_proof(LEAVES, 0)] == INCLUSION_0_OF_8
    assert [step.hex() for step in consistency_proof(LEAVES, 6)] == CONSISTENCY_6_OF_8
    assert [step.hex() for step in consistency_proof(LEAVES[:5], 2)] == CONSISTENCY_2_OF_5
    assert consistency_proof(LEAVES, 8) == []


@pytest.mark.parametrize("size", range(1, 9))
def test_every_proof_verifies_and_fits_nothing_else(size: int) -> None:
    """A proof verifies for its own leaf, index, size and root, and for no other of the tree."""
    root = root_of(LEAVES[:size])
    for index in range(size):
        path = inclusion_proof(LEAVES[:size], index)
        assert verify_inclusion(LEAVES[index], index, size, path, root)
        for other in range(size):
            assert verify_inclusion(LEAVES[other], index, size, path, root) == (other == index)
            assert verify_inclusion(LEAVES[index], other, size, path, root) == (other == index)
        assert not verify_inclusion(LEAVES[index], index, size, [*path, bytes(32)], root)
        if path:
            assert not verify_inclusion(LEAVES[index], index, size, path[:-1], root)


@pytest.mark.parametrize(("old", "new"), [(old, new) for new in range(1, 9) for old in range(1, new + 1)])
def test_consistency_holds_between_prefixes_only(old: int, new: int) -> None:
    """A consistency proof verifies for its two roots and fails for any other old root or altered step."""
    path = consistency_proof(LEAVES[:new], old)
    old_root, new_root = root_of(LEAVES[:old]), root_of(LEAVES[:new])
    assert verify_consistency(old, new, old_root, new_root, path)
    assert not verify_consistency(old, new, bytes(32), new_root, path)
    assert not verify_consistency(old, new, old_root, bytes(32), path)
    for at in range(len(path)):
        assert not verify_consistency(old, new, old_root, new_root, [*path[:at], bytes(32), *path[at + 1 :]])


def test_out_of_range_is_refused() -> None:
    """Indices and sizes outside the tree raise, and never verify."""
    with pytest.raises(ValueError, match="outside"):
        inclusion_proof(LEAVES, 8)
    with pytest.raises(ValueError, match="outside"):
        consistency_proof(LEAVES, 0)
    assert not verify_inclusion(LEAVES[0], 8, 8, [], LEAVES[0])
    assert not verify_consistency(0, 8, EMPTY_ROOT, root_of(LEAVES), [])


def test_an_edge_is_restored_only_with_the_hashes_of_its_size() -> None:
    """Stored peaks restore the same tree; a wrong number of them is refused."""
    frontier = Frontier()
    for leaf in LEAVES[:7]:
        frontier.add(leaf)
    restored = Frontier.from_bytes(7, frontier.to_bytes())
    restored.add(LEAVES[7])
    assert restored.root().hex() == ROOTS[7]
    with pytest.raises(ValueError, match="frontier"):
        Frontier.from_bytes(6, frontier.to_bytes())
    with pytest.raises(ValueError, match="frontier"):
        Frontier.from_bytes(7, frontier.to_bytes()[:-1])
