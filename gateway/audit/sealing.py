"""The sealed part of a record: personal text, encrypted under a key of its own. It knows no storage.

Box = nonce ‖ AES-256-GCM(fresh key, {"fields":…, "salt":…}), AAD = id ‖ type. The fresh key travels wrapped:
nonce ‖ AES-256-GCM(master key, fresh key), AAD = id; destroying the wrapped key erases the text. The
commitment is HMAC-SHA256(salt, fields): it binds, and without the salt a short prompt can't be guessed.
Both JSON texts have sorted keys, no spaces and non-ASCII escaped, so that any Unicode fits, lone surrogates
included. Master-key nonces are random: rotate the master key before 2^32 records (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.audit.keyfiles import read_or_create
from gateway.core.errors import ConfigurationError

ALGORITHM: Final = "A256GCM"
_NONCE: Final = 12
_KEY: Final = 32
_SALT: Final = 16
_encode = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode


class SealBroken(Exception):
    """The box doesn't open: wrong key, erased key, or altered bytes."""


@dataclass(frozen=True, slots=True)
class SealedPart:
    """What sealing gives: the box, its wrapped key, and the public facts about it (hex)."""

    box: bytes
    wrapped_key: bytes
    kid: str
    box_sha256: str
    commitment: str

    def public(self) -> dict[str, str]:
        """Return what the public part says of it."""
        return {
            "alg": ALGORITHM,
            "kid": self.kid,
            "ciphertext_sha256": self.box_sha256,
            "commitment": self.commitment,
        }


class Sealer:
    """Seals and unseals with one master key."""

    def __init__(self, master: bytes) -> None:
        if len(master) != _KEY:
            raise ValueError("a master key has 32 bytes")
        self._wrap = AESGCM(master)
        self._master = master
        self.kid = sha256(b"imagegate seal key\x00" + master).hexdigest()[:16]

    @classmethod
    def from_file(cls, path: Path, *, may_create: bool) -> Sealer:
        """Load the master key (64 hex digits), or create it on the first start.

        Raises:
            ConfigurationError: missing, readable by others or malformed.
        """
        line = read_or_create(
            path, lambda: os.urandom(_KEY).hex(), may_create=may_create, purpose="audit seal key"
        )
        try:
            return cls(bytes.fromhex(line))
        except ValueError as cause:
            raise ConfigurationError(f"audit seal key {path} is malformed: expected 64 hex digits") from cause

    def key_for(self, purpose: str) -> bytes:
        """Return the 32-byte key of another purpose under the same master key (HKDF, RFC 5869)."""
        return _derived(self._master, purpose)

    def key_beside(self, record_id: str, wrapped_key: bytes, purpose: str) -> bytes:
        """Return a 32-byte key made from a record's own: it can't be made any more once that is erased.

        Raises:
            SealBroken: wrong master key, or altered bytes.
        """
        try:
            key = self._wrap.decrypt(wrapped_key[:_NONCE], wrapped_key[_NONCE:], record_id.encode())
        except (InvalidTag, ValueError) as cause:
            raise SealBroken("the record's key does not open with this master key") from cause
        return _derived(key, purpose)

    def seal(self, record_id: str, record_type: str, fields: Mapping[str, str]) -> SealedPart:
        """Encrypt `fields` for one record; about 20 µs."""
        random = os.urandom(_KEY + _SALT + 2 * _NONCE)
        key, salt = random[:_KEY], random[_KEY : _KEY + _SALT]
        nonce, wrap_nonce = random[-2 * _NONCE : -_NONCE], random[-_NONCE:]
        inside = _encode(dict(fields))
        text = f'{{"fields":{inside},"salt":"{salt.hex()}"}}'
        box = nonce + AESGCM(key).encrypt(nonce, text.encode(), _aad(record_id, record_type))
        return SealedPart(
            box=box,
            wrapped_key=wrap_nonce + self._wrap.encrypt(wrap_nonce, key, record_id.encode()),
            kid=self.kid,
            box_sha256=sha256(box).hexdigest(),
            commitment=hmac.digest(salt, inside.encode(), "sha256").hex(),
        )

    def unseal(
        self, record_id: str, record_type: str, box: bytes, wrapped_key: bytes, commitment: str
    ) -> dict[str, str]:
        """Return the sealed fields, checked against the public commitment.

        Raises:
            SealBroken: wrong master key, altered bytes, or a commitment to something else.
        """
        try:
            key = self._wrap.decrypt(wrapped_key[:_NONCE], wrapped_key[_NONCE:], record_id.encode())
            text = AESGCM(key).decrypt(box[:_NONCE], box[_NONCE:], _aad(record_id, record_type))
        except (InvalidTag, ValueError) as cause:
            raise SealBroken("the sealed part does not open with this key") from cause
        content = json.loads(text)
        fields: dict[str, str] = content["fields"]
        if not hmac.compare_digest(commit(bytes.fromhex(content["salt"]), fields), commitment):
            raise SealBroken("the sealed part is not what the public part commits to")
        return fields


def commit(salt: bytes, fields: Mapping[str, str]) -> str:
    """Return the commitment to `fields` under `salt`, as hex."""
    return hmac.digest(salt, _encode(dict(fields)).encode(), "sha256").hex()


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), _KEY, salt=None, info=b"imagegate " + purpose.encode()).derive(key)


def _aad(record_id: str, record_type: str) -> bytes:
    return f"{record_id}|{record_type}".encode()
