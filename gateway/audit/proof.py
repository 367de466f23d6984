"""One record proved by one small file, which someone who has nothing but the log's public key can check.

The file is a C2SP tlog-proof (c2sp.org/tlog-proof): the record's index, its Merkle path (RFC 9162) and a
signed head that covers it. Its `extra` line carries the record's exact bytes; they are believed only because
they hash to the leaf that the path leads from. Duty: write and check such files; it knows no storage.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.audit.checkpoint import Head, NoteInvalid, Verifier
from gateway.audit.tree import HASH_BYTES, leaf_hash, verify_inclusion

HEADER: Final = "c2sp.org/tlog-proof@v1"
_MAX_PATH: Final = 63


class ProofInvalid(ValueError):
    """The file is not a proof, or what it says does not hold; the message says which."""


@dataclass(frozen=True, slots=True)
class ProvedRecord:
    """A record that stands in the log: its index, its public part, and the signed head that covers it."""

    index: int
    public: dict[str, Any]
    leaf: bytes
    head: Head


def make_proof(path: Sequence[bytes], index: int, body: bytes, note: str) -> str:
    """Return the file for record `index` with the bytes `body`; `path` leads to the head in `note`."""
    nodes = [_text(node) for node in path]
    lines = [HEADER, f"extra {_text(body)}", f"index {index}", *nodes, "", note.rstrip("\n")]
    return "\n".join(lines) + "\n"


def check_proof(text: str, verifiers: Sequence[Verifier]) -> ProvedRecord:
    """Return the record that `text` proves under one of the keys.

    1. The head is signed by a given key.
    2. The record's bytes hash to a leaf, and the path leads from it to the head's root.
    3. The bytes are one JSON object.

    Raises:
        ProofInvalid: the file has another form, or one of these does not hold.
    """
    index, body, path, note = _parse(text)
    head = _signed(note, verifiers)  # 1
    leaf = leaf_hash(body)  # 2
    if index >= head.size or not verify_inclusion(leaf, index, head.size, path, head.root):
        raise ProofInvalid("the record is not in the log that the head signs: it was changed, or another's")
    try:
        public = json.loads(body)  # 3
    except (ValueError, RecursionError) as cause:
        raise ProofInvalid("the record is not JSON") from cause
    if not isinstance(public, dict):
        raise ProofInvalid("the record is not a JSON object")
    return ProvedRecord(index, public, leaf, head)


def _signed(note: str, verifiers: Sequence[Verifier]) -> Head:
    reasons = []
    for verifier in verifiers:
        try:
            return verifier.open(note)
        except NoteInvalid as cause:
            reasons.append(str(cause))
    raise ProofInvalid(f"the head does not hold under this key: {'; '.join(reasons) or 'no key was given'}")


def _parse(text: str) -> tuple[int, bytes, list[bytes], str]:
    top, gap, note = text.partition("\n\n")
    lines = top.split("\n")
    if not gap or lines[0] != HEADER:
        raise ProofInvalid(
            f"not a proof: it must begin with {HEADER} and hold a signed head after an empty line"
        )
    if len(lines) < 3 or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        raise ProofInvalid(
            "not a proof of this format: the second line holds the record (extra …), the third its index"
        )
    digits, path = lines[2].removeprefix("index "), lines[3:]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18) or len(path) > _MAX_PATH:
        raise ProofInvalid("the index is not a number, or the path is too long")
    nodes = [_bytes(line) for line in path]
    if any(len(node) != HASH_BYTES for node in nodes):
        raise ProofInvalid("a line of the path is not a hash")
    return int(digits), _bytes(lines[1].removeprefix("extra ")), nodes, note


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise ProofInvalid("a line is not base64") from cause
