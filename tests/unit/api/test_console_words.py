"""Words marked: what changed between two texts, and what can't be seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.api.console.words import MAX_COMPARED, Piece, compare, visible


def test_changed_words_are_marked_on_both_sides() -> None:
    """What is gone stands left, what is new stands right."""
    found = compare("a rude red apple", "a ripe red apple")
    assert [piece for piece in found.before if piece.kind == "gone"] == [Piece("gone", "rude")]
    assert [piece for piece in found.after if piece.kind == "new"] == [Piece("new", "ripe")]
    assert found.whole


def test_hidden_characters_are_shown() -> None:
    """Bidi overrides, zero-width spaces and controls by their code point."""
    assert visible("a\u202eb\u200b\x07") == (
        Piece("same", "a"), Piece("odd", "U+202E"), Piece("same", "b"), Piece("odd", "U+200B"),
        Piece("odd", "U+0007"),
    )  # fmt: skip


@given(st.text(max_size=80), st.text(max_size=80))
def test_nothing_is_lost(before: str, after: str) -> None:
    """Each side holds its whole text, hidden characters by their names."""

    def whole(text: str) -> str:
        return "".join(piece.text for piece in visible(text))

    found = compare(before, after)
    assert "".join(piece.text for piece in found.before) == whole(before)
    assert "".join(piece.text for piece in found.after) == whole(after)


def test_very_long_texts_are_shown_unmarked() -> None:
    """Comparing them word by word would take too long; the page says so."""
    found = compare("a " * MAX_COMPARED, "b " * MAX_COMPARED)
    assert not found.whole
    assert {piece.kind for piece in (*found.before, *found.after)} == {"same"}
