"""The gateway is rooms, and the contracts over imports leave none of them out."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
GATEWAY = ROOT / "gateway"
ADAPTERS = {"gateway.generation", "gateway.rewriting"}


def test_every_room_of_the_gateway_is_named_or_an_adapter() -> None:
    """A new module that loads a model library is found, since the contract must name it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (named,) = (c["source_modules"] for c in contracts if c["name"].startswith("no model library"))
    rooms = {f"gateway.{path.parent.name}" for path in GATEWAY.glob("*/__init__.py")}
    assert rooms - {*named} == ADAPTERS


def test_nothing_lies_loose_between_the_rooms() -> None:
    """A file that belongs to no room is one that a stranger can't place."""
    assert {path.name for path in GATEWAY.iterdir() if path.is_file()} == {"__init__.py", "py.typed"}


def test_every_room_says_what_it_must_not_know() -> None:
    """A folder's first lines are what a newcomer reads before putting a file there."""
    for path in GATEWAY.glob("*/__init__.py"):
        told = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split())
        assert "Duty: " in told, path
        assert "must not know" in told, path
