"""The signed heads kept outside the database: an append-only file of all, and a file of the last one alone.

In the first, one JSON string a line, each a signed note. A crash of the machine may tear the last line; the
next start ends the torn line and goes on behind it. The last head's file lies beside the signing key: who
takes the log back must change both places. This module knows no tree.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.checkpoint import Head, NoteInvalid, Verifier
from gateway.audit.proof import HEADER as PROOF_HEADER
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
        except (ValueError, RecursionError):
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


def read_note(path: Path) -> str | None:
    """Return the signed note in a file, or None when there is no file. A proof counts: its head is meant.

    Raises:
        ConfigurationError: it can't be read.
    """
    try:
        text = path.read_bytes().decode(errors="replace")  # what is no text is no signed note either
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise ConfigurationError(f"signed head {path} can't be read: {cause.strerror}") from cause
    return text.partition("\n\n")[2] if text.startswith(PROOF_HEADER) else text


class LastHead:
    """The last signed head in a file of its own, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, note: str) -> None:
        """Replace the head durably; a crash leaves the old one or the new one.

        Raises:
            OSError: it may not be on disk.
        """
        side = self._path.with_name(f".{self._path.name}.new")
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with side.open("wb") as file:
            file.write(note.encode())
            file.flush()
            os.fsync(file.fileno())
        side.replace(self._path)


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
