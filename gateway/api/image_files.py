"""Pictures behind a URL: kept for a while under a name that nobody can guess.

Duty: put, get and expire files in one folder. A name carries 128 random bits and is the only key to its
picture; it is never logged. It knows no HTTP and no safety: only what was allowed is given to it.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.core.errors import StorageUnavailable
from gateway.core.requests import OutputFormat

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{22}\.(png|jpeg|webp)")
_SWEEP_EVERY_S: Final = 300.0
_RETRY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A picture that can still be fetched: its bytes, format, and the seconds it has left."""

    content: bytes
    format: OutputFormat
    left_s: float


class ImageFiles:
    """One folder of pictures, each living `ttl_s` seconds. File work happens in threads."""

    def __init__(self, folder: Path, *, ttl_s: float, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._ttl_s = ttl_s
        self._clock = clock

    async def put(self, content: bytes, image_format: OutputFormat) -> str:
        """Store one picture; return its name.

        Raises:
            StorageUnavailable: the folder takes no file: a full disk, missing rights.
        """
        name = f"{secrets.token_urlsafe(16)}.{image_format.value}"
        try:
            await asyncio.to_thread(self._write, name, content)
        except OSError as error:
            raise StorageUnavailable(
                "The picture can't be kept to be fetched by its address; nothing was released. Ask for "
                "b64_json, or try again later.",
                retry_after_s=_RETRY_S,
            ) from error
        return name

    async def drop(self, names: Sequence[str]) -> None:
        """Delete pictures whose names nobody got; what can't be deleted now expires."""
        with suppress(OSError):
            await asyncio.to_thread(self._unlink, names)

    async def get(self, name: str) -> StoredImage | None:
        """The picture of that name, or None when there is none or its time is over."""
        if _NAME.fullmatch(name) is None:
            return None
        return await asyncio.to_thread(self._read, name)

    async def sweep_forever(self) -> None:
        """Delete what has expired, now and then, until cancelled."""
        while True:
            with suppress(OSError):  # tried again later; what has expired is not served meanwhile
                await asyncio.to_thread(self.sweep)
            await asyncio.sleep(min(self._ttl_s, _SWEEP_EVERY_S))

    def sweep(self) -> int:
        """Delete what has expired; return how many files that were."""
        if not self._folder.is_dir():
            return 0
        expired = [
            file
            for file in self._folder.iterdir()
            if _NAME.fullmatch(file.name.removesuffix(".new")) and self._left_s(file) <= 0
        ]
        for file in expired:
            file.unlink(missing_ok=True)
        return len(expired)

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._folder / f"{name}.new"
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
            now = self._clock()
            os.utime(fresh, (now, now))
            fresh.replace(self._folder / name)
        except OSError:
            fresh.unlink(missing_ok=True)  # a part of a picture would only take the room that is missing
            raise

    def _unlink(self, names: Sequence[str]) -> None:
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    def _read(self, name: str) -> StoredImage | None:
        file = self._folder / name
        left_s = self._left_s(file)
        if left_s <= 0:
            return None
        try:
            return StoredImage(file.read_bytes(), OutputFormat(file.suffix[1:]), left_s)
        except FileNotFoundError:
            return None  # swept in the same moment

    def _left_s(self, file: Path) -> float:
        try:
            return file.stat().st_mtime + self._ttl_s - self._clock()
        except FileNotFoundError:
            return 0.0
