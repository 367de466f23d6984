"""The form of a rewritten prompt: one printable line of bounded length, and nothing else.

Duty: turn what a language model said into that form, or refuse. It judges no meaning: that is the policy's.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.core.errors import RewriteFailed

_PREAMBLE: Final = re.compile(
    r"^(?:(?:sure|certainly|okay|ok|of course|absolutely)\b[^:]{0,80}[:!,.]\s*)?"
    r"(?:(?:here\s+(?:is|are)|here['’]s|this is)\b[^:]{0,80}:\s*)?"
    r"(?:(?:the\s+)?(?:re-?written\s+|revised\s+|new\s+|safe\s+|image\s+)*(?:prompt|output|answer|rewrite)\s*:\s*)?",
    re.IGNORECASE,
)
_REFUSAL: Final = re.compile(
    r"^(?:i['’]?m (?:sorry|unable|not able)|i (?:cannot|can['’]?t|am sorry|am unable|won['’]?t)|sorry\b|"
    r"as an ai\b|unfortunately\b)",
    re.IGNORECASE,
)
_MARKUP: Final = re.compile(r"<\||\|>|</?\w+>|\[/?INST\]|```")
_WORD: Final = re.compile(r"\w+")
_ECHO_WORDS: Final = 4
_QUOTES: Final = "\"'`“”‘’«»„"


def one_line(text: str, *, max_chars: int) -> str:
    """Return the first line of `text` without preamble and enclosing quotes.

    The answer is printable, holds a letter, and has 1..`max_chars` characters.

    Raises:
        RewriteFailed: nothing of that form is there. The message never holds the text.
    """
    lines = text.strip().splitlines()
    line = lines[0].strip() if lines else ""
    line = _unquoted(_PREAMBLE.sub("", line, count=1))
    if not any(char.isalpha() for char in line):
        raise RewriteFailed("the rewriter answered without a word")
    if len(line) > max_chars:
        raise RewriteFailed(f"the rewritten prompt is longer than {max_chars} characters")
    if not line.isprintable() or "\ufffd" in line:
        raise RewriteFailed("the rewritten prompt holds characters that can't be printed")
    if _MARKUP.search(line):
        raise RewriteFailed("the rewritten prompt holds chat markup")
    if _REFUSAL.match(line):
        raise RewriteFailed("the rewriter refused instead of rewriting")
    return line


def refuse_echo(line: str, *, instruction: str, prompt: str) -> str:
    """Return the line, unless it repeats the instruction: a code or number of it, or four words in a row.

    What the prompt holds itself is no echo.

    Raises:
        RewriteFailed: the instruction leaks. The message never holds the text.
    """
    own, asked, said = _words(instruction), _words(prompt), _words(line)
    codes = {word for word in own if any(char.isdigit() for char in word)} - set(asked)
    if codes & set(said) or _runs(said) & (_runs(own) - _runs(asked)):
        raise RewriteFailed("the rewriter repeated its instruction")
    return line


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _runs(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + _ECHO_WORDS]) for at in range(len(words) - _ECHO_WORDS + 1)}


def _unquoted(line: str) -> str:
    while len(line) > 1 and line[0] in _QUOTES and line[-1] in _QUOTES:
        line = line[1:-1].strip()
    if line and line[0] in _QUOTES and not any(quote in line[1:] for quote in _QUOTES):
        line = line[1:].strip()
    return line
