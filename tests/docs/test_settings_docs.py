"""Every setting is documented with its default and its own description, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from gateway.service.settings import SettingsForm, settings_table

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_every_setting_is_documented() -> None:
    """The table in docs/settings.md is the one that the settings themselves print."""
    assert settings_table() in DOCS.read_text()


def test_the_table_holds_every_leaf() -> None:
    """Each leaf of the settings model has a row."""
    rows = set(re.findall(r"^\| `([a-z_.]+)`", settings_table(), re.MULTILINE))
    assert rows == set(_leaves(SettingsForm, ""))


def _leaves(model: type[BaseModel], prefix: str) -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += _leaves(inner, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found
