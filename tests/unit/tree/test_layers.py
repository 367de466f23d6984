"""The contracts over imports leave no room out."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
ADAPTERS = {"gateway.generation", "gateway.rewriting"}


def test_every_room_of_the_gateway_is_named_or_an_adapter() -> None:
    """A new module that loads a model library is found, since the contract must name it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (named,) = (c["source_modules"] for c in contracts if c["name"].startswith("no model library"))
    rooms = {
        f"gateway.{path.stem}"
        for path in (ROOT / "gateway").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert rooms - {*named, "gateway.__init__"} == ADAPTERS
