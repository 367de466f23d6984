"""The scripted models keep the contracts of real ones, and every word of the script is documented."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from classifiers.protocol import Classifier
from classifiers.testing import ClassifierContract
from gateway.testing import Word
from gateway.testing.parts import Texts

PAGE = Path(__file__).parents[3] / "docs" / "testing.md"


class TestTexts(ClassifierContract):
    def make(self) -> Classifier:
        return Texts()

    def sample_items(self) -> Sequence[str]:
        return ["a red apple", f"a {Word.BLOCK} apple", f"{Word.HOLD} {Word.REWRITE}"]


def test_every_word_is_documented() -> None:
    """docs/testing.md has a row for each word, and for no other."""
    rows = re.findall(r"^\| `Word\.(\w+)` \| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert dict(rows) == {word.name: word.value for word in Word}


def test_no_word_is_part_of_another() -> None:
    """A prompt with one word brings about that alone."""
    assert [(a, b) for a in Word for b in Word if a is not b and a in b] == []
