"""The locks in locks/ are those of the pins: complete, current, and with the hash of every file."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
LOCKS = sorted((ROOT / "locks").glob("*.lock"))
ENTRY = re.compile(
    r"^([\w.-]+)==(\S+)(?: ; .*?)? \\\n((?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def _locked(name: str) -> dict[str, str]:
    text = (ROOT / "locks" / name).read_text(encoding="utf-8")
    return {canonicalize_name(found[0]): found[1] for found in ENTRY.findall(text)}


def _pinned(name: str) -> dict[str, str]:
    pins = re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(library): version for library, version in pins}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_line_of_a_lock_is_a_library_with_its_hashes(lock: Path) -> None:
    """Nothing else stands in it: no index, no path, no library without a sha256."""
    rest = ENTRY.sub("", lock.read_text(encoding="utf-8"))
    assert [line for line in rest.splitlines() if not line.startswith("# Made by `make lock`")] == []


@pytest.mark.parametrize("name", ["run.lock", "dev.lock", "build.lock"])
def test_a_lock_holds_the_pinned_versions(name: str) -> None:
    """A pin that changed in constraints.txt changed here too; otherwise run `make lock`."""
    pins, locked = _pinned("constraints.txt"), _locked(name)
    assert {
        library: version for library, version in locked.items() if pins.get(library, version) != version
    } == {}


def test_the_models_lock_holds_the_pinned_packages() -> None:
    """requirements-models.txt says which; otherwise run `make lock`."""
    assert _locked("models.lock") == _pinned("requirements-models.txt")


@pytest.mark.parametrize(
    ("name", "extras"), [("run.lock", ("",)), ("dev.lock", ("", "dev", "evaluation", "release"))]
)
def test_a_lock_is_complete(name: str, extras: tuple[str, ...]) -> None:
    """Each requirement of the project and of every library in it is in it, in a version that satisfies it.

    Installs go with --no-deps, so that a library left out would be missing.
    """
    locked = _locked(name)
    needed = [wanted for wanted in _declared() if _applies(wanted, extras)]
    needed += [
        wanted
        for library in locked
        for wanted in map(Requirement, _requires(library))
        if _applies(wanted, ("",))
    ]
    unmet = [
        str(wanted)
        for wanted in needed
        if wanted.name != "imagegate"
        and not wanted.specifier.contains(locked.get(canonicalize_name(wanted.name), "0"), prereleases=True)
    ]
    assert unmet == []


def test_both_builds_of_torch_are_locked() -> None:
    """The index's files by their hashes, and the CPU build's, which cpu.lock names alone."""
    text = (ROOT / "locks" / "run.lock").read_text(encoding="utf-8")
    (torch,) = (found for found in ENTRY.findall(text) if found[0] == "torch")
    (cpu,) = ENTRY.findall((ROOT / "locks" / "cpu.lock").read_text(encoding="utf-8"))
    assert cpu[1] == f"{torch[1]}+cpu"
    assert cpu[2].strip() in torch[2]
    assert torch[2].count("--hash") > 1


def _declared() -> list[Requirement]:
    """The project's own requirements, each with a marker that names its extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    for extra, texts in project["optional-dependencies"].items():
        for text in texts:
            name, _, marker = text.partition(";")
            also = f" and ({marker})" if marker else ""
            wanted.append(Requirement(f"{name}; extra == '{extra}'{also}"))
    return wanted


def _requires(library: str) -> list[str]:
    try:
        return metadata.requires(library) or []
    except metadata.PackageNotFoundError:  # not for this platform
        return []


def _applies(wanted: Requirement, extras: tuple[str, ...]) -> bool:
    return wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras)
