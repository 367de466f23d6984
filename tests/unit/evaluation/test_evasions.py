"""Evasions change what a matcher sees, and the views of the gate read them again."""

from __future__ import annotations

import pytest

from classifiers.normalize import views
from gateway.evaluation.evasions import ENCODINGS, EVASIONS, spaced_letters, zero_width

TEXT = "a soldier killing a prisoner"


@pytest.mark.parametrize("name", [*EVASIONS, *ENCODINGS])
def test_a_view_reads_the_words_again(name: str) -> None:
    """However it is written, one of the views holds the plain words."""
    written = {**EVASIONS, **ENCODINGS}[name](TEXT)
    assert "killing" not in written
    read = [view.text.casefold().replace("  ", " ").replace("  ", " ") for view in views(written)]
    assert any("soldier killing a prisoner" in text for text in read)


def test_evasions_are_the_same_on_every_run() -> None:
    """No chance in it: two runs measure the same texts."""
    assert zero_width("ab c") == "a\u200bb c"
    assert spaced_letters("ab c") == "a b   c"
