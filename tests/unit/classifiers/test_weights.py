"""Weights are found locally, pinned and checked, or refused."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from classifiers.protocol import ClassifierConfigError
from classifiers.weights import file_sha256, package_file, resolve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "notes.md").write_text("not hashed")
    return tmp_path


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_folder_is_taken_as_it_is_with_every_file_hashed(folder: Path) -> None:
    """Weights and configuration are hashed; the revision changes with any of them."""
    first = resolve(str(folder), None, offline=True)
    assert first.path == folder
    assert first.sha256 == {"config.json": digest(b"{}"), "model.safetensors": digest(b"weights")}
    (folder / "config.json").write_text('{"a": 1}')
    assert resolve(str(folder), None, offline=True).revision != first.revision


def test_a_pinned_file_that_differs_is_refused(folder: Path) -> None:
    """What is not the pinned file is never loaded."""
    resolve(str(folder), offline=True, sha256={"model.safetensors": digest(b"weights").upper()})
    with pytest.raises(ClassifierConfigError, match="is pinned"):
        resolve(str(folder), offline=True, sha256={"model.safetensors": "0" * 64})
    with pytest.raises(ClassifierConfigError, match="no file 'other"):
        resolve(str(folder), offline=True, sha256={"other.safetensors": "0" * 64})


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    """A folder with pickles alone can't be loaded, and the message says what to do."""
    with pytest.raises(ClassifierConfigError, match=r"no \.safetensors"):
        resolve(str(tmp_path), offline=True)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ClassifierConfigError, match="convert them to safetensors"):
        resolve(str(tmp_path), offline=True)


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "a" * 39, "A" * 40])
def test_a_hub_id_needs_a_pinned_commit(revision: str | None) -> None:
    """A branch or a tag can change unseen."""
    with pytest.raises(ClassifierConfigError, match="40 hex digits"):
        resolve("owner/name", revision, offline=True)


def test_offline_never_fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model outside the cache is an error that says so, without a socket."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ClassifierConfigError, match="not in the local cache: fetch it once"):
        resolve("owner/name-that-is-not-cached", "a" * 40, offline=True)


def test_a_missing_folder_is_no_hub_id() -> None:
    """A mistyped path is named as such, and not quoted."""
    with pytest.raises(ClassifierConfigError, match="no such folder"):
        resolve("/no/such/folder", None, offline=False)


def test_a_changed_file_is_hashed_again(tmp_path: Path) -> None:
    """The digest is remembered for an unchanged file only."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"one")
    assert file_sha256(path) == digest(b"one")
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert file_sha256(path) == digest(b"two")


def test_a_packaged_file_is_found_and_checked() -> None:
    """Missing package, missing file and wrong file each have their own message."""
    found = package_file("confusable_homoglyphs", "confusables.json", _own("confusables.json"))
    assert found.name == "confusables.json"
    with pytest.raises(ClassifierConfigError, match="is not installed"):
        package_file("no_such_package_anywhere", "x", "0")
    with pytest.raises(ClassifierConfigError, match=r"holds no nothing\.bin"):
        package_file("confusable_homoglyphs", "nothing.bin", "0")
    with pytest.raises(ClassifierConfigError, match="is pinned"):
        package_file("confusable_homoglyphs", "confusables.json", "0" * 64)


def _own(name: str) -> str:
    import confusable_homoglyphs

    return digest((Path(confusable_homoglyphs.__file__).parent / name).read_bytes())
