"""API keys on disk: JSON lines that hold hashes, never a key.

Duty: make, load, revoke and match keys. A key is `ig-` and 32 random bytes; because it is not a password, one
SHA-256 is enough and nothing slow is needed. It knows no HTTP and no settings.

One line: `{"id", "sha256", "role", "tenant", "policy", "rate_per_minute", "created", "revoked"}`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.core.errors import ConfigurationError

PREFIX: Final = "ig-"
_SECRET_BYTES: Final = 32
_INDEX_BYTES: Final = 4


class Role(StrEnum):
    """What a key may do; `admin` may do everything, for every tenant."""

    GENERATE = "generate"
    REVIEW = "review"
    AUDIT = "audit"
    METRICS = "metrics"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One line of the key file. `sha256` is hex; `rate_per_minute` None means no limit of its own."""

    id: str
    sha256: str
    role: Role
    tenant: str = "default"
    policy: str | None = None
    rate_per_minute: int | None = None
    created: str = ""
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: `secret` is shown once and kept nowhere."""

    secret: str
    key: ApiKey


def create_key(
    role: Role, *, tenant: str = "default", policy: str | None = None, rate_per_minute: int | None = None
) -> NewKey:
    """Make a key; it counts once `add_key` has written it."""
    secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    key = ApiKey(
        id="key_" + secrets.token_hex(6),
        sha256=hashlib.sha256(secret.encode()).hexdigest(),
        role=role,
        tenant=tenant,
        policy=policy,
        rate_per_minute=rate_per_minute,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return NewKey(secret, key)


def load_keys(file: Path) -> tuple[ApiKey, ...]:
    """Read every key, revoked ones included.

    Raises:
        ConfigurationError: the file can't be read or a line is wrong; the message names line and field.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"The key file can't be read: {error.strerror}.") from error
    return _distinct(tuple(_parse(line, number) for number, line in enumerate(lines, 1) if line.strip()))


def add_key(file: Path, key: ApiKey) -> None:
    """Append one key, durably; the file is made with mode 0600. Raises ConfigurationError as `load_keys`."""
    _write(file, _distinct((*load_keys(file), key)) if file.exists() else (key,))


def revoke_key(file: Path, key_id: str) -> bool:
    """Mark a key as revoked; False when there is none of that id. Lines are kept, so that old records
    still find their key's id.
    """
    keys = load_keys(file)
    if not any(key.id == key_id for key in keys):
        return False
    _write(file, tuple(replace(key, revoked=True) if key.id == key_id else key for key in keys))
    return True


class KeyTable:
    """Keys in memory, found by hash."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._by_head: dict[bytes, list[tuple[bytes, ApiKey]]] = {}
        self._by_id: dict[str, ApiKey] = {}
        for key in keys:
            if not key.revoked:
                digest = bytes.fromhex(key.sha256)
                self._by_head.setdefault(digest[:_INDEX_BYTES], []).append((digest, key))
                self._by_id[key.id] = key

    def of_id(self, key_id: str) -> ApiKey | None:
        """The key of that id, or None when there is none or it is revoked."""
        return self._by_id.get(key_id)

    def match(self, secret: str) -> ApiKey | None:
        """The key of that secret, or None. The whole hash is compared in constant time; the lookup by its
        first bytes tells an attacker nothing, since he can't choose a hash.
        """
        digest = hashlib.sha256(secret.encode()).digest()
        found = None
        for candidate, key in self._by_head.get(digest[:_INDEX_BYTES], ()):
            if hmac.compare_digest(candidate, digest):
                found = key
        return found


def _distinct(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
    if len({key.id for key in keys}) != len(keys):
        raise ConfigurationError("The key file names an id twice; give each key its own.")
    return keys


class _Line(BaseModel):
    """The form of one line."""

    model_config = ConfigDict(extra="forbid", strict=True)
    id: str = Field(min_length=1, max_length=64)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    role: Role
    tenant: str = Field("default", min_length=1, max_length=64)
    policy: str | None = Field(None, min_length=1, max_length=128)
    rate_per_minute: int | None = Field(None, ge=1)
    created: str = ""
    revoked: bool = False


def _parse(line: bytes, number: int) -> ApiKey:
    try:
        return ApiKey(**dict(_Line.model_validate_json(line)))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in fault["loc"]) or "line"
        raise ConfigurationError(f"Key file, line {number}, {place}: {fault['msg']}.") from None


def _write(file: Path, keys: tuple[ApiKey, ...]) -> None:
    """Replace the file in one step, so that a running server never reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{secrets.token_hex(4)}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.writelines(orjson.dumps(asdict(key)) + b"\n" for key in keys)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
