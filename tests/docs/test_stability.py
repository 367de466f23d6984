"""docs/stability.md lists names that exist, and whatever our own pages show a plug-in's author to import."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
STABLE = {
    module: set(re.findall(r"`(\w+)`", names))
    for module, names in re.findall(
        r"^\| `((?:classifiers|gateway|policies)[\w.]+)` \| (.+) \|$",
        (DOCS / "stability.md").read_text("utf-8"),
        re.MULTILINE,
    )
}
SHOWN = ("plugins.md", "classifiers.md", "generation.md", "rewriting.md")


@pytest.mark.parametrize("module", sorted(STABLE))
def test_what_is_stable_can_be_imported(module: str) -> None:
    """Each module of the table has each of its names, and none of them is private."""
    found = importlib.import_module(module)
    assert {name for name in STABLE[module] if name.startswith("_") or not hasattr(found, name)} == set()


@pytest.mark.parametrize("page", SHOWN)
def test_pages_for_authors_import_only_what_is_stable(page: str) -> None:
    """No example rests on a name that may go."""
    unstable = []
    for code in re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.M | re.S):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
                "classifiers",
                "gateway",
                "policies",
            ):
                names = {alias.name for alias in node.names}
                unstable += sorted(names - STABLE.get(node.module or "", set()))
    assert unstable == []
