"""Signed heads: C2SP tlog-checkpoint in a C2SP signed-note, Ed25519. It knows no storage.

A head reads: origin line, size, base64 root, an empty line, and `— <origin> <base64(key hash ‖ signature)>`.
Formats: c2sp.org/tlog-checkpoint and c2sp.org/signed-note; key text forms as in Go's sumdb/note.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit.keyfiles import read_or_create, write_public
from gateway.audit.tree import HASH_BYTES
from gateway.core.errors import ConfigurationError

_ED25519: Final = b"\x01"
_PRIVATE: Final = "PRIVATE+KEY+"


class NoteInvalid(ValueError):
    """A note is malformed, or no known key signed it."""


@dataclass(frozen=True, slots=True)
class Head:
    """A tree head: `size` leaves and their 32-byte root."""

    size: int
    root: bytes


class Verifier:
    """One public key with its name."""

    def __init__(self, name: str, public: bytes) -> None:
        self.name = name
        self.key_hash = _key_hash(name, public)
        self._public = public
        self._key = Ed25519PublicKey.from_public_bytes(public)

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read `name+hash+base64(0x01 ‖ key)`.

        Raises:
            ConfigurationError: not such a line.
        """
        try:
            name, key_hash, encoded = text.strip().split("+", 2)
            verifier = cls(name, _ed25519(encoded))
            verifier.require_hash(key_hash)
        except (ValueError, binascii.Error) as cause:
            raise ConfigurationError(
                "verifier key: expected <origin>+<hash>+<base64 of an Ed25519 key>"
            ) from cause
        return verifier

    def __str__(self) -> str:
        return f"{self.name}+{self.key_hash.hex()}+{_b64(_ED25519 + self._public)}"

    def require_hash(self, key_hash: str) -> None:
        """Check the key hash (8 hex digits) that was written beside the key.

        Raises:
            ValueError: it is another's.
        """
        if self.key_hash.hex() != key_hash:
            raise ValueError("its hash does not fit")

    def open(self, note: str) -> Head:
        """Return the head that `note` signs with this key.

        Raises:
            NoteInvalid: malformed, another origin, or no good signature by this key.
        """
        text, head = _parse(note, self.name)
        signed = text.encode()
        for line in note[len(text) + 1 :].splitlines():
            signature = self._signature(line)
            if signature is None:
                continue  # another key's line: witnesses may sign too
            try:
                self._key.verify(signature, signed)
            except InvalidSignature as cause:
                raise NoteInvalid("the signature does not fit the text") from cause
            return head
        raise NoteInvalid("not signed by this key")

    def _signature(self, line: str) -> bytes | None:
        mark, _, encoded = line.rpartition(" ")
        if mark != f"— {self.name}":
            return None
        try:
            blob = base64.b64decode(encoded, validate=True)
        except ValueError as cause:  # binascii.Error is one; so is a letter outside ASCII
            raise NoteInvalid("a signature line is not base64") from cause
        return blob[4:] if blob[:4] == self.key_hash else None


class Signer:
    """The private key of one log."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def from_file(cls, path: Path, public: Path, origin: str, *, may_create: bool) -> Signer:
        """Load the signing key, or create it and its public half (first start).

        Raises:
            ConfigurationError: missing, readable by others, malformed, or made for another origin.
        """
        line = read_or_create(
            path, lambda: _new_key(origin), may_create=may_create, purpose="audit signing key"
        )
        try:
            name, key_hash, encoded = line.removeprefix(_PRIVATE).split("+", 2)
            signer = cls(name, _ed25519(encoded))
            signer.verifier.require_hash(key_hash)
        except (ValueError, binascii.Error) as cause:
            raise ConfigurationError(f"audit signing key {path} is malformed") from cause
        if name != origin:
            raise ConfigurationError(
                f"audit signing key {path} is for origin {name!r}, the settings say {origin!r}"
            )
        write_public(public, str(signer.verifier))
        return signer

    def sign(self, head: Head) -> str:
        """Return the signed note of `head`."""
        name = self.verifier.name
        text = f"{name}\n{head.size}\n{_b64(head.root)}\n"
        signature = self.verifier.key_hash + self._key.sign(text.encode())
        return f"{text}\n— {name} {_b64(signature)}\n"


def _parse(note: str, origin: str) -> tuple[str, Head]:
    """Split off the signed text (with its last newline) and read the head in it."""
    if not note.isascii() and any("\ud800" <= letter <= "\udfff" for letter in note):
        raise NoteInvalid("it holds a lone surrogate, so it is not text")
    text, gap, _ = note.partition("\n\n")
    lines = text.split("\n")
    if not gap or len(lines) < 3:
        raise NoteInvalid("not a checkpoint note")
    if lines[0] != origin:
        raise NoteInvalid("another origin")
    try:
        size, root = int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (ValueError, binascii.Error) as cause:
        raise NoteInvalid("size or root is malformed") from cause
    if size < 0 or str(size) != lines[1] or len(root) != HASH_BYTES:
        raise NoteInvalid("size or root is malformed")
    return text + "\n", Head(size, root)


def _ed25519(encoded: str) -> bytes:
    blob = base64.b64decode(encoded, validate=True)
    if blob[:1] != _ED25519:
        raise ValueError("not an Ed25519 key")
    return blob[1:]


def _new_key(name: str) -> str:
    key = Ed25519PrivateKey.generate()
    key_hash = _key_hash(name, key.public_key().public_bytes_raw())
    return f"{_PRIVATE}{name}+{key_hash.hex()}+{_b64(_ED25519 + key.private_bytes_raw())}"


def _key_hash(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
