"""Pages and help texts use plain words: those that docs/glossary.md lists as words to avoid stay out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from gateway.cli.main import app

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = [  # every string here can reach a user: a description in /openapi.json, an option's help, a message
    *sorted((ROOT / "gateway" / "api").glob("*.py")),
    *sorted((ROOT / "gateway" / "cli").glob("*.py")),
    *sorted((ROOT / "policies").rglob("*.py")),
    ROOT / "gateway" / "core" / "errors.py",
    ROOT / "gateway" / "service" / "settings.py",
]
_HEADING = "## Words to avoid"


def _words_to_avoid() -> list[str]:
    table = GLOSSARY.read_text("utf-8").partition(_HEADING)[2]
    firsts = [row.split("|")[1] for row in re.findall(r"^\|.*`.*\|$", table, re.MULTILINE)]
    return [word for cell in firsts for word in re.findall(r"`([^`]+)`", cell)]


WORDS = _words_to_avoid()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_avoids_them(page: Path) -> None:
    """No page uses a word of the list, but for the list itself."""
    assert _found(page.read_text("utf-8").partition(_HEADING)[0]) == []


def test_the_command_line_s_help_avoids_them() -> None:
    """Nor does the help of a command, an argument or an option."""
    helps = list(_helps(get_command(app)))
    assert len(helps) > 50
    assert [(text, found) for text in helps if (found := _found(text))] == []


@pytest.mark.parametrize("file", SHOWN, ids=lambda file: str(file.relative_to(ROOT)))
def test_messages_and_descriptions_avoid_them(file: Path) -> None:
    """Nor do the strings of the files whose strings users read."""
    texts = [
        node.value
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert [(text, found) for text in texts if (found := _found(text))] == []


def test_the_list_finds_its_words() -> None:
    """Each entry is found in a sentence, across a line's end too, and not inside another word."""
    assert len(WORDS) > 20
    for word in WORDS:
        assert _found(f"So it\n{word.replace(' ', chr(10))}, here.") == [word]
        assert _found(f"x{word}x") == []


def _found(text: str) -> list[str]:
    plain = " ".join(text.lower().split())
    return [word for word in WORDS if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", plain)]


def _helps(command: Any) -> Iterator[str]:
    yield command.help or ""
    for parameter in command.params:
        yield getattr(parameter, "help", None) or ""
    for child in getattr(command, "commands", {}).values():
        yield from _helps(child)
