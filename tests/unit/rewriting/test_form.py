"""A rewritten prompt is one clean printable line, or a failure."""

from __future__ import annotations

import pytest

from gateway.core.errors import RewriteFailed
from gateway.rewriting.form import one_line, refuse_echo


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("a red car", "a red car"),
        ("  a red car \n\nI hope this helps!", "a red car"),
        ('"a red car"', "a red car"),
        ("“a red car”", "a red car"),
        ('"a red car', "a red car"),
        ('a sign that reads "open"', 'a sign that reads "open"'),
        ("Here is the rewritten prompt: a red car", "a red car"),
        ("Sure! Here's a safe version: 'a red car'", "a red car"),
        ("Prompt: a red car", "a red car"),
        ("Certainly, a red car", "a red car"),
        ("Ein rotes Auto, größer", "Ein rotes Auto, größer"),
    ],
)
def test_takes_the_line_out_of_its_wrapping(said: str, line: str) -> None:
    """Preamble, quotes and what follows the first line go."""
    assert one_line(said, max_chars=100) == line


@pytest.mark.parametrize(
    "said",
    [
        "", "   \n ", '""', "123, 456", "a" * 101, "a red\x07 car", "a red\u202e car", "a red \ufffd car",
        "<|im_start|>a red car", "a <b>red</b> car", "```a red car", "I'm sorry, I can't help with that",
        "I cannot do this", "As an AI language model I draw nothing", "Here is the prompt:", "Sure!",
    ],
)  # fmt: skip
def test_refuses_every_other_form(said: str) -> None:
    """Empty, long, unprintable, marked-up and refusing answers fail, and the message holds none of them."""
    with pytest.raises(RewriteFailed) as caught:
        one_line(said, max_chars=100)
    assert "car" not in caught.value.message


@pytest.mark.parametrize(
    ("line", "leaks"),
    [
        ("an owl on a branch", False),
        ("rewrite the image of an owl", False),
        ("an owl, rewrite the image prompt.", True),
        ("Larkspur 7741, an owl", True),
        ("an owl with the number 12", False),
    ],
)
def test_an_echo_of_the_instruction_is_refused(line: str, leaks: bool) -> None:
    """A code of the instruction or four of its words in a row never come out; what the prompt says may."""
    instruction, prompt = "Rewrite the image prompt. The code word is Larkspur-7741 or 12.", "12 owls"
    if leaks:
        with pytest.raises(RewriteFailed, match="repeated its instruction"):
            refuse_echo(line, instruction=instruction, prompt=prompt)
    else:
        assert refuse_echo(line, instruction=instruction, prompt=prompt) == line
