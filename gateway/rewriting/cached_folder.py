"""A folder that is expensive to make, made once below a cache folder and checked before every use.

Duty: it appears whole or not at all (made beside, then one rename), two processes never make it at once, and
a damaged one is made again. It knows nothing of what is in it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from classifiers.weights import file_sha256
from gateway.core.errors import ConfigurationError

SUMS: Final = "sums.json"
_LOCK_TIMEOUT_S: Final = 300.0


def cached_folder(cache_folder: Path, name: str, source: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `name` below `cache_folder`; `make(path)` writes it, at a path that is still free.

    `source` is the digest of what it is made of, kept with its sums.

    Raises:
        ConfigurationError: the cache can't be written, or another process takes too long.
    """
    from filelock import FileLock, Timeout

    target = cache_folder / name
    if _is_intact(target, source):
        return target
    try:
        cache_folder.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_folder / f"{name}.lock", timeout=_LOCK_TIMEOUT_S):
            if not _is_intact(target, source):
                _make_into(target, source, make)
    except Timeout as error:
        raise ConfigurationError("rewriter: another process holds the conversion lock") from error
    except OSError as error:
        raise ConfigurationError(
            f"rewriter: the cache {cache_folder} can't be written ({error.strerror}); "
            "set options.cache_dir or IMAGEGATE_CACHE"
        ) from error
    return target


def _make_into(target: Path, source: str, make: Callable[[Path], None]) -> None:
    """Make it beside `target` and rename: a crash leaves no half copy under the real name."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        folder = Path(scratch) / "folder"
        make(folder)
        sums = {path.name: file_sha256(path) for path in sorted(folder.iterdir())}
        (folder / SUMS).write_text(json.dumps({"source": source, "files": sums}, indent=1))
        for path in folder.iterdir():
            _flush(path)
        if target.exists():
            target.rename(Path(scratch) / "damaged")
        folder.rename(target)
        _flush(target.parent)


def _is_intact(folder: Path, source: str) -> bool:
    try:
        sums = json.loads((folder / SUMS).read_text())
        return sums["source"] == source and all(
            file_sha256(folder / name) == digest for name, digest in sums["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
