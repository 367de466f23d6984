"""Where an evaluation's report goes: files into one folder, over those that are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.core.errors import ConfigurationError


def write_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write the files by name, making the folder; return their paths, in order.

    Raises:
        ConfigurationError: the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"--out {folder}: the report can't be written: {error.strerror}") from error
    return [folder / name for name in files]
