"""The append-only file of signed heads that lies outside the database. It knows no tree.

One JSON string a line, each a signed note. A crash of the machine may tear the last line; the next start ends
the torn line and goes on behind it.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.checkpoint import Head, NoteInvalid, Verifier
from gateway.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class HeadsRead:
    """The heads of the file in its order, the notes that no key signed, and the lines that are no note."""

    heads: tuple[Head, ...]
    unsigned: int
    torn: int


def read_heads(path: Path, verifiers: tuple[Verifier, ...]) -> HeadsRead:
    """Read every head of the file; a missing file has none.

    Raises:
        ConfigurationError: it can't be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return HeadsRead((), 0, 0)
    except OSError as cause:
        raise ConfigurationError(f"audit heads file {path} can't be read: {cause.strerror}") from cause
    heads: list[Head] = []
    unsigned = torn = 0
    for line in lines:
        if not line:
            continue
        try:
            note = json.loads(line)
        except ValueError:
            torn += 1
            continue
        head = open_with_any(note, verifiers) if isinstance(note, str) else None
        if head is None:
            unsigned += 1
        else:
            heads.append(head)
    return HeadsRead(tuple(heads), unsigned, torn)


def open_with_any(note: str, verifiers: tuple[Verifier, ...]) -> Head | None:
    """Return the head, or None when none of the keys signed it."""
    for verifier in verifiers:
        try:
            return verifier.open(note)
        except NoteInvalid:
            continue
    return None


class HeadsFile:
    """The file opened for appending only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.reopen()
        except OSError as cause:
            raise ConfigurationError(f"audit heads file {path} can't be opened: {cause.strerror}") from cause

    def reopen(self) -> None:
        """Open it again, ending a torn last line.

        Raises:
            OSError: the file can't be opened or written.
        """
        self.close()
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = os.fstat(self._handle).st_size
        if size and os.pread(self._handle, 1, size - 1) != b"\n":
            os.write(self._handle, b"\n")

    def append(self, note: str) -> None:
        """Add one head durably.

        Raises:
            OSError: it may not be on disk.
        """
        line = json.dumps(note).encode() + b"\n"
        if os.write(self._handle, line) != len(line):
            os.fsync(self._handle)
            raise OSError(errno.ENOSPC, "the heads file took part of a line only")
        os.fsync(self._handle)

    def close(self) -> None:
        """Close; idempotent."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
