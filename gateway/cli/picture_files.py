"""The files that `imagegate generate` writes: kept aside first, under their names once all is on record.

Duty: names, formats and writing. It judges nothing: what comes here may leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.core.outcomes import DeliveredImage

FORMATS: Final = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


def format_of(output: Path) -> str:
    """Return the format that the file's name asks for; asked before anything is drawn.

    Raises:
        RequestInvalid: another ending, or no such folder.
    """
    from gateway.core.errors import RequestInvalid

    if not output.parent.is_dir():
        raise RequestInvalid(f"the folder {output.parent} does not exist", param="--output")
    try:
        return FORMATS[output.suffix.lower()]
    except KeyError:
        raise RequestInvalid(f"name the picture {', '.join(FORMATS)}", param="--output") from None


class PictureFiles:
    """The files of one request for `n` pictures: `output`, or numbered from 1 where n is more."""

    def __init__(self, output: Path, n: int) -> None:
        self._output = output
        self._n = n
        self._aside: dict[int, Path] = {}

    async def keep(self, images: Sequence[DeliveredImage]) -> None:
        """Write every picture aside, hidden.

        Raises:
            ConfigurationError: one can't be written; then none is left.
        """
        for image in images:
            aside = self._aside[image.index] = self._aside_of(self._path(image.index))
            try:
                aside.write_bytes(image.content)
            except OSError as error:
                self.drop()
                raise _unwritable(self._path(image.index), error) from error

    def place(self) -> dict[int, Path]:
        """Give every picture its name; return the files by the pictures' places.

        Raises:
            ConfigurationError: one can't be renamed.
        """
        placed: dict[int, Path] = {}
        for index, aside in self._aside.items():
            path = self._path(index)
            try:
                aside.replace(path)
            except OSError as error:
                raise _unwritable(path, error) from error
            placed[index] = path
        return placed

    def drop(self) -> None:
        """Delete what lies aside; idempotent."""
        for aside in self._aside.values():
            with suppress(OSError):
                aside.unlink(missing_ok=True)
        self._aside.clear()

    def _path(self, index: int) -> Path:
        if self._n == 1:
            return self._output
        return self._output.with_stem(f"{self._output.stem}-{index + 1}")

    @staticmethod
    def _aside_of(path: Path) -> Path:
        return path.with_name(f".{path.name}.part")


def _unwritable(path: Path, error: OSError) -> Exception:
    from gateway.core.errors import ConfigurationError

    return ConfigurationError(f"{path} can't be written: {error.strerror}")
