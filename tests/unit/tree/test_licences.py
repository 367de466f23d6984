"""What the project stands on is permissive: every pinned library says so itself."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|BSL-1\.0|CC0|Public.Domain|CNRI", re.IGNORECASE
)
COPYLEFT = re.compile(r"\b[AL]?GPL|General Public|EUPL|SSPL|CC-BY-NC|CC-BY-SA|Commons Clause", re.IGNORECASE)
MOZILLA = {"certifi", "fqdn", "hypothesis", "orjson", "pathspec", "tqdm"}
"""MPL-2.0, which binds changes of their own files alone; we change none."""
UNSAID = {"resvg-py": "MIT"}
"""Their metadata says nothing; read in their repository."""


def _pins() -> dict[str, str]:
    lines = [(ROOT / name).read_text() for name in ("constraints.txt", "requirements-models.txt")]
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", "\n".join(lines), re.MULTILINE))


def _stated(name: str) -> str:
    """What a library says of its licence: an expression, the first line of a text, classifiers."""
    about = metadata.metadata(name)
    text = (about.get("License") or "").split("\n")[0]
    sorts = [sort for sort in about.get_all("Classifier") or [] if sort.startswith("License ::")]
    return " ".join([about.get("License-Expression") or "", text, *sorts]).strip()


@pytest.mark.parametrize("name", sorted(_pins()))
def test_every_pinned_library_is_permissive(name: str) -> None:
    """Its own metadata names a permissive licence, or MPL-2.0 where that is listed, and no copyleft one."""
    try:
        stated = _stated(name) or UNSAID.get(name, "")
    except metadata.PackageNotFoundError:
        pytest.skip(f"{name} belongs to an extra that is not installed here")
    assert COPYLEFT.search(stated) is None, stated
    if "MPL" in stated or "Mozilla" in stated:
        assert name in MOZILLA, stated
    else:
        assert PERMISSIVE.search(stated), stated or "nothing is said"


def test_every_installed_requirement_is_pinned() -> None:
    """A library that an install brings in without a pin would not be the tested one."""
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name in _pins()}
    needed = {
        re.match(r"[A-Za-z0-9_.-]+", wanted).group()  # type: ignore[union-attr]
        for wanted in metadata.requires("imagegate") or ()
    } - {"imagegate"}
    assert {name for name in needed if re.sub(r"[-_.]+", "-", name).lower() not in pinned} == set()
