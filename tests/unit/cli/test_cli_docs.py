"""docs/cli.md and docs/rewriting.md name everything that there is, and nothing that is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from gateway.cli.main import app
from gateway.rewriting.openai_chat_options import OpenAIChatOptions
from gateway.rewriting.options import TransformersChatOptions
from gateway.rewriting.smollm2 import SmolLm2Options

_DOCS = Path(__file__).parents[3] / "docs"
_SHARED = {"--help"}


def _commands(command: Any, path: str = "imagegate") -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from _commands(child, f"{path} {name}")


_ALL = dict(_commands(get_command(app)))
_TEXT = (_DOCS / "cli.md").read_text()


def _section(path: str) -> str:
    found = re.search(rf"^## `{path}`\n(.*?)(?=^## |\Z)", _TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/cli.md has no section for {path}"
    return found.group(1)


@pytest.mark.parametrize("path", list(_ALL))
def test_every_option_is_documented(path: str) -> None:
    """Each command has a section that names each of its options and arguments."""
    section = _section(path)
    for parameter in _ALL[path].params:
        if parameter.param_type_name == "argument":
            assert parameter.name.upper() in section, f"{path}: {parameter.name}"
            continue
        for option in {*parameter.opts, *parameter.secondary_opts} - _SHARED:
            if option.startswith("--"):
                assert re.search(rf"{option}\b(?!-)", section), f"{path}: {option}"


@pytest.mark.parametrize("path", list(_ALL))
def test_no_option_is_invented(path: str) -> None:
    """A section names no option that its command does not take."""
    known = {
        option for parameter in _ALL[path].params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    named = set(re.findall(r"`(--[a-z][a-z0-9-]*)", _section(path)))
    assert named - known - _SHARED <= set()


def test_no_command_is_invented() -> None:
    """Every section of a command is one that exists."""
    assert set(re.findall(r"^## `(imagegate [a-z -]+)`", _TEXT, re.MULTILINE)) == set(_ALL)


@pytest.mark.parametrize("path", list(_ALL))
def test_every_command_teaches_by_example(path: str) -> None:
    """Each help text says what the command does and shows an example that begins as the command does."""
    text = _ALL[path].help
    assert "Examples:" in text
    assert f"{path}" in text.split("Examples:")[1]


def test_every_rewriter_option_is_documented() -> None:
    """docs/rewriting.md names each option of both rewriters."""
    table = (_DOCS / "rewriting.md").read_text().split("## Options")[1]
    options = (TransformersChatOptions, SmolLm2Options, OpenAIChatOptions)
    for name in {name for model in options for name in model.model_fields}:
        assert f"`{name}`" in table, name
