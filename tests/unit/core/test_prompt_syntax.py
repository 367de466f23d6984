"""Control syntax is found by kind, and ordinary prompts hold none of what is refused by default."""

from __future__ import annotations

import pytest

from gateway.core.prompt_syntax import SYNTAXES, control_syntax
from gateway.generation.openai_options import OpenAIOptions

DEFAULT = OpenAIOptions(base_url="https://upstream.example/v1", model="m").refused_syntax


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('a goat <sd_cpp_extra_args>{"seed": 1}</sd_cpp_extra_args>', "sd-cpp-args"),
        ("a goat < SD_CPP_EXTRA_ARGS >{}", "sd-cpp-args"),
        ("a goat <lora:style:0.8>", "extra-networks"),
        ("a goat <Hypernet: x>", "extra-networks"),
        ("a __animal__ on a hill", "wildcards"),
        ("a goat --steps 90", "flags"),
        ("a [goat:hen:0.5] on a hill", "scheduling"),
        ("a [goat:10] on a hill", "scheduling"),
        ("a {goat|hen} on a hill", "choices"),
        ("a goat BREAK a hill", "breaks"),
    ],
)
def test_each_kind_is_found(text: str, kind: str) -> None:
    """By its own name alone; nothing is found where it is not refused."""
    assert control_syntax(text, [kind]) is SYNTAXES[kind]  # type: ignore[index]
    assert control_syntax(text, SYNTAXES.keys() - {kind}) is None
    assert (control_syntax(text, DEFAULT) is None) == (kind not in ("sd-cpp-args", "extra-networks"))


@pytest.mark.parametrize(
    "text",
    [
        "a goat <3 on a hill -- at dusk, snake__case__ written on a sign",
        "if a < b: lora, (a goat:1.3) [a hen] {x}",
        "bread AND butter --ar 16:9",
        "a goat | a hen, 50% off, <b>bold</b>",
    ],
)
def test_ordinary_prompts_pass(text: str) -> None:
    """Brackets, dashes, comparisons and shouted words are no orders to a server of the default kind."""
    assert control_syntax(text, DEFAULT) is None


def test_a_long_text_is_searched_once() -> None:
    """Patterns are RE2's: linear, whatever the text."""
    assert control_syntax("[" * 32_000 + ":" * 32_000, SYNTAXES) is None
