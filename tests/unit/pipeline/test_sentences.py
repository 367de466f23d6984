"""Which parts of a text stand for themselves."""

from __future__ import annotations

import pytest

from gateway.pipeline.sentences import parts_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a red apple, on a table", ()),
        ("a red apple.", ("a red apple",)),
        ("a lake. the words: a rude goat", ("a lake", "the words", "a rude goat")),
        ('say "a rude goat" now', ("a rude goat",)),
        ("at 3.5 metres, f/1.8", ()),
        ("; ".join(["a goat"] * 10), (*["a goat"] * 7, "a goat a goat a goat")),
    ],
)
def test_parts(text: str, parts: tuple[str, ...]) -> None:
    """Sentences, what follows a colon, quotes; single words and numbers are none, and no part is lost."""
    assert parts_of(text) == parts
