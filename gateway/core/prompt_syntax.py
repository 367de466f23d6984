"""Control syntax inside prompts: what some image servers read as orders instead of words.

Duty: name each kind, find it, and say what it is. Which kinds a backend refuses stands on its card. A prompt
that changes parameters, loads networks or names files would be judged as words and drawn as orders, so it is
refused before it is judged.

Sources: the documentation of stable-diffusion.cpp's server, AUTOMATIC1111's web UI, its extension Dynamic
Prompts, and Midjourney.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

SyntaxName: TypeAlias = Literal[
    "sd-cpp-args",
    "extra-networks",
    "wildcards",
    "flags",
    "scheduling",
    "choices",
    "breaks",
]


@dataclass(frozen=True, slots=True)
class Syntax:
    """A kind of control syntax: an RE2 pattern, and what it is in a sentence for the client."""

    pattern: str
    what: str


SYNTAXES: Final[Mapping[SyntaxName, Syntax]] = {
    "sd-cpp-args": Syntax(
        r"(?i)<\s*/?\s*sd_cpp_extra_args", "a block of server parameters (<sd_cpp_extra_args>)"
    ),
    "extra-networks": Syntax(
        r"(?i)<\s*(?:lora|lyco|hypernet|ti|embedding)\s*:", "a network to load (<lora:…>)"
    ),
    "wildcards": Syntax(r"(?:^|\W)__[\w/*-]+__", "a wildcard file (__name__)"),
    "flags": Syntax(r"(?:^|\s)--[a-z][a-z-]*(?:\s|=|$)", "a flag (--name)"),
    "scheduling": Syntax(r"\[[^\[\]]*:\s*[\d.]+\s*\]", "a change of words while drawing ([from:to:when])"),
    "choices": Syntax(r"\{[^{}]*\|[^{}]*\}", "a choice at random ({a|b})"),
    "breaks": Syntax(r"(?:^|\s)(?:BREAK|AND)(?:\s|$)", "a word that splits the prompt (BREAK, AND)"),
}


def control_syntax(text: str, refused: Collection[str]) -> Syntax | None:
    """The first of the refused kinds that stands in a text, in time linear in its length."""
    import re2

    for name in refused:
        syntax = SYNTAXES[name]  # type: ignore[index]  # options were checked when they were read
        compiled: Any = re2.compile(syntax.pattern)
        if compiled.search(text) is not None:
            return syntax
    return None
