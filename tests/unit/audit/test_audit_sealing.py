"""The sealed part: opens with its key alone, and is what was committed to."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.audit.sealing import SealBroken, SealedPart, Sealer, commit
from gateway.core.errors import ConfigurationError

FIELDS = {"prompt": "ein roter Apfel 😀", "actor": "key_1", "odd": "\ud800"}


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(bytes(range(32)))


@pytest.fixture
def part(sealer: Sealer) -> SealedPart:
    return sealer.seal("id-1", "decision", FIELDS)


def unseal(sealer: Sealer, part: SealedPart, **changes: object) -> dict[str, str]:
    values = {
        "record_id": "id-1",
        "record_type": "decision",
        "box": part.box,
        "wrapped_key": part.wrapped_key,
        "commitment": part.commitment,
    }
    return sealer.unseal(**{**values, **changes})


def test_what_is_sealed_opens_again(sealer: Sealer, part: SealedPart) -> None:
    """Any text comes back, lone surrogates included, and none of it is in the box or the public facts."""
    assert unseal(sealer, part) == FIELDS
    assert b"Apfel" not in part.box
    assert "Apfel" not in json.dumps(part.public())
    assert set(part.public()) == {"alg", "kid", "ciphertext_sha256", "commitment"}


@pytest.mark.parametrize(
    "changes",
    [
        {"record_id": "id-2"},
        {"record_type": "review"},
        {"commitment": "00" * 32},
        {"box": b""},
        {"wrapped_key": b""},
    ],
)
def test_another_place_or_commitment_does_not_open(
    sealer: Sealer, part: SealedPart, changes: dict[str, object]
) -> None:
    """A box moved to another record or type, or one that is not what was committed to, is refused."""
    with pytest.raises(SealBroken):
        unseal(sealer, part, **changes)


@pytest.mark.parametrize("field", ["box", "wrapped_key"])
def test_a_flipped_bit_anywhere_does_not_open(sealer: Sealer, part: SealedPart, field: str) -> None:
    """Every byte of the box and of the wrapped key is authenticated."""
    original = getattr(part, field)
    for at in range(len(original)):
        altered = original[:at] + bytes([original[at] ^ 1]) + original[at + 1 :]
        with pytest.raises(SealBroken):
            unseal(sealer, part, **{field: altered})


def test_another_master_key_does_not_open(part: SealedPart) -> None:
    """The wrong master key is an error, and has another id."""
    other = Sealer(bytes(32))
    assert other.kid != part.kid
    with pytest.raises(SealBroken):
        unseal(other, part)


def test_each_record_has_its_own_key_and_salt(sealer: Sealer) -> None:
    """The same text sealed twice shares neither box, key nor commitment."""
    one, two = sealer.seal("a", "decision", FIELDS), sealer.seal("a", "decision", FIELDS)
    assert one.box != two.box
    assert one.commitment != two.commitment
    assert one.wrapped_key != two.wrapped_key


def test_the_format_opens_without_our_code(sealer: Sealer, part: SealedPart) -> None:
    """Box, wrapped key and commitment are as the documentation says: plain AES-GCM and HMAC."""
    key = AESGCM(bytes(range(32))).decrypt(part.wrapped_key[:12], part.wrapped_key[12:], b"id-1")
    content = json.loads(AESGCM(key).decrypt(part.box[:12], part.box[12:], b"id-1|decision"))
    assert content["fields"] == FIELDS
    assert commit(bytes.fromhex(content["salt"]), FIELDS) == part.commitment


def test_the_master_key_file_is_made_once_and_checked(tmp_path: Path) -> None:
    """A 0600 file on the first start, the same key after; a malformed or missing one is refused."""
    path = tmp_path / "keys" / "seal.key"
    first = Sealer.from_file(path, may_create=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Sealer.from_file(path, may_create=False).kid == first.kid
    path.write_text("abcd")
    with pytest.raises(ConfigurationError, match="64 hex digits"):
        Sealer.from_file(path, may_create=False)
    path.unlink()
    with pytest.raises(ConfigurationError, match="restore"):
        Sealer.from_file(path, may_create=False)


def test_sealing_is_cheap(sealer: Sealer) -> None:
    """Sealing costs at most 40 µs of CPU, in the best of five runs on a busy machine."""
    runs = []
    for _ in range(5):
        begin = time.thread_time()
        for _ in range(300):
            sealer.seal("id-1", "decision", FIELDS)
        runs.append((time.thread_time() - begin) / 300)
    assert min(runs) < 40e-6
