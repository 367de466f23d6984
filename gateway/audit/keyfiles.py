"""Key files: made once with mode 0600, refused when others can read them. It knows no algorithm."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from gateway.core.errors import ConfigurationError


def read_or_create(path: Path, make: Callable[[], str], *, may_create: bool, purpose: str) -> str:
    """Return the one line of the key file, created durably from `make` when it is missing.

    Raises:
        ConfigurationError: missing and `may_create` is false, readable by others, or unreadable.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as cause:
        if not may_create:
            raise ConfigurationError(
                f"{purpose} {path} is missing, but the log was written with one: restore the file"
            ) from cause
        _create(path, make() + "\n", 0o600, purpose)
    except OSError as cause:
        raise ConfigurationError(f"{purpose} {path} can't be read: {cause.strerror}") from cause
    else:
        if stat.S_IMODE(mode) & 0o077:
            raise ConfigurationError(f"{purpose} {path} can be read by others: chmod 600 it")
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as cause:
        raise ConfigurationError(f"{purpose} {path} can't be read") from cause


def write_public(path: Path, line: str) -> None:
    """Write a public key beside its private one, unless the same stands there.

    Raises:
        ConfigurationError: another key stands there, or the file can't be written.
    """
    if path.exists():
        if path.read_text(encoding="ascii").strip() != line:
            raise ConfigurationError(f"public key {path} is not that of the signing key beside it")
        return
    _create(path, line + "\n", 0o644, "public key")


def _create(path: Path, content: str, mode: int, purpose: str) -> None:
    """Write to a side file, sync, rename into place: never a half-written key."""
    side = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(side, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        try:
            os.write(handle, content.encode("ascii"))
            os.fsync(handle)
        finally:
            os.close(handle)
        side.rename(path)
        sync_folder(path.parent)
    except OSError as cause:
        raise ConfigurationError(f"{purpose} {path} can't be created: {cause.strerror}") from cause


def sync_folder(folder: Path) -> None:
    """Make a new or renamed entry of `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
