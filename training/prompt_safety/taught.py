"""Soft targets from a teacher, and new posts for it to judge.

Duty: training rows and a teacher's probabilities to training rows. The teacher may have been trained on the
rows that validate us, so no text that is, or holds, a validation row is ever shown to it here.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np

from training.prompt_safety.rows import Row, normalised

MIXED: Final = "jigsaw_mixed"
"""Source of the new posts: sentences of Jigsaw's training rows put together anew, and parts of long ones."""

POSTS: Final = frozenset({"jigsaw", "toxic_spans", "measuring_hate_speech", "davidson", "paradetox"})
WINDOW_WORDS: Final = 90
"""The network is trained on a text's first 126 tokens, so the teacher is asked about its first words."""

_SHARE: Final = 0.5
_FEWEST_WORDS: Final = 4
_RARE: Final = ("severe_toxicity", "threat", "identity_attack")

Probabilities: TypeAlias = Callable[[Sequence[str]], np.ndarray]


class Untouched:
    """Knows the validation texts; a text that is one, or holds one of four words or more, is refused."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._whole = {normalised(text) for text in texts}
        self._by_start: dict[tuple[str, ...], list[str]] = {}
        for text in self._whole:
            words = text.split()
            if len(words) >= _FEWEST_WORDS:
                self._by_start.setdefault(tuple(words[:_FEWEST_WORDS]), []).append(f" {text} ")

    def by(self, text: str) -> bool:
        """Whether a text has nothing to do with a validation row."""
        plain = normalised(text)
        if plain in self._whole:
            return False
        words, spaced = plain.split(), f" {plain} "
        return not any(
            known in spaced
            for at in range(len(words) - _FEWEST_WORDS + 1)
            for known in self._by_start.get(tuple(words[at : at + _FEWEST_WORDS]), ())
        )


def taught(
    rows: Sequence[Row], heads: Sequence[str], ask: Probabilities, untouched: Untouched
) -> tuple[list[Row], int]:
    """The rows with a teacher's word on posts, and how many it was given on.

    On Jigsaw's own rows, whose labels the teacher learnt from too, label and probability count half each; of
    other sets only what they are silent on is taken from the teacher.
    """
    out = list(rows)
    places = [at for at, row in enumerate(rows) if row.source in POSTS and untouched.by(row.text)]
    found = ask([first_words(rows[at].text) for at in places])
    for at, line in zip(places, found, strict=True):
        row, told = rows[at], dict(zip(heads, map(float, line), strict=True))
        if row.source == "jigsaw":
            told = {head: _SHARE * value + (1 - _SHARE) * row.targets[head] for head, value in told.items()}
            out[at] = replace(row, targets={**row.targets, **told})
        else:
            out[at] = replace(row, targets={**told, **row.targets})
    return out, len(places)


def mixed(
    rows: Sequence[Row], count: int, heads: Sequence[str], ask: Probabilities, untouched: Untouched, seed: int
) -> list[Row]:
    """About `count` new posts out of Jigsaw's training rows, with the teacher's probabilities as targets."""
    chance = random.Random(seed)
    own = [row for row in rows if row.source == "jigsaw" and untouched.by(row.text)]
    sentences = [parts for row in own if (parts := _sentences(row.text))]
    weights = [_weight(row) for row in own if _sentences(row.text)]
    texts: set[str] = set()
    for row in own:
        words = row.text.split()
        starts = range(WINDOW_WORDS * 2 // 3, len(words) - 10, WINDOW_WORDS * 2 // 3)
        texts.update(" ".join(words[start : start + WINDOW_WORDS]) for start in starts)
    texts = set(chance.sample(sorted(texts), min(len(texts), count // 5)))
    drawn = chance.choices(sentences, weights, k=4 * count)
    for at in range(count - len(texts)):
        wanted = chance.randint(4, 70)
        parts: list[str] = []
        for several in drawn[4 * at : 4 * at + 4]:
            start = chance.randrange(len(several))
            parts += several[start : start + chance.randint(1, 3)]
            if sum(len(part.split()) for part in parts) >= wanted:
                break
        texts.add(first_words(" ".join(parts)))
    kept = sorted(text for text in texts if untouched.by(text))
    found = ask(kept)
    return [
        Row(text, MIXED, "P", dict(zip(heads, map(float, line), strict=True)))
        for text, line in zip(kept, found, strict=True)
    ]


def first_words(text: str) -> str:
    """The text, or its beginning where it is longer than the network's window."""
    words = text.split()
    return text if len(words) <= WINDOW_WORDS else " ".join(words[:WINDOW_WORDS])


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", text) if normalised(part)]


def _weight(row: Row) -> float:
    """Rows with a rare label are drawn more often: there are few of them."""
    if any(row.targets[head] >= 0.5 for head in _RARE):
        return 6.0
    return 2.0 if row.targets["toxicity"] >= 0.5 else 1.0
