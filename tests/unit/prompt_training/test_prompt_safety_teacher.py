"""A teacher's word on posts: read without unpickling, never given on a text that validates."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from training.prompt_safety.rows import Row
from training.prompt_safety.taught import (
    MIXED,
    WINDOW_WORDS,
    Probabilities,
    Untouched,
    first_words,
    mixed,
    taught,
)
from training.prompt_safety.teacher import HEADS, Teacher, _highest_state, _word_index

CLEAN = dict.fromkeys(HEADS, 0.0)


def always(share: float) -> tuple[list[str], Probabilities]:
    """A teacher of one opinion, and the texts that it was asked about."""
    asked: list[str] = []

    def ask(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return np.full((len(texts), len(HEADS)), share)

    return asked, ask


def test_a_text_that_is_or_holds_a_validation_row_is_not_shown() -> None:
    """However it is spelled; a row of three words is only refused when it is the whole text."""
    untouched = Untouched(["You came late again today.", "see you soon"])
    assert not untouched.by("you came LATE again today")
    assert not untouched.by("Well: you came late again today, he said")
    assert not untouched.by("See you soon!")
    assert untouched.by("see you soon, and bring the book")
    assert untouched.by("you came late again yesterday")


def test_the_teacher_counts_half_beside_jigsaws_labels_and_fills_gaps_elsewhere() -> None:
    """A validation row's copy and a row that is no post keep what they had."""
    rows = [
        Row("an old post about boats", "jigsaw", "P", {**CLEAN, "toxicity": 1.0, "hate": 0.0}),
        Row("another post about birds", "measuring_hate_speech", "P", {"hate": 1.0, "identity_attack": 1.0}),
        Row("this one validates us too", "paradetox", "P", {"toxicity": 0.0}),
        Row("a red apple on a table", "coco", "T", {"toxicity": 0.0}),
    ]
    asked, ask = always(0.4)
    found, count = taught(rows, HEADS, ask, Untouched(["this one validates us too"]))
    assert count == 2
    assert asked == [rows[0].text, rows[1].text]
    assert found[0].targets["toxicity"] == pytest.approx(0.7)
    assert found[0].targets["obscene"] == pytest.approx(0.2)
    assert found[0].targets["hate"] == 0
    assert found[1].targets["identity_attack"] == 1
    assert found[1].targets["obscene"] == pytest.approx(0.4)
    assert found[2:] == rows[2:]


def test_new_posts_are_made_of_training_sentences_and_of_nothing_that_validates() -> None:
    """They know the six heads alone; the same seed makes the same ones."""
    rows = [
        Row(f"The boat number {at} came in. It was green and {at} feet long!", "jigsaw", "P", CLEAN)
        for at in range(30)
    ]
    rows.append(Row("word " * 250, "jigsaw", "P", CLEAN))
    untouched = Untouched(["The boat number 3 came in."])
    asked, ask = always(0.1)
    made = mixed(rows, 60, HEADS, ask, untouched, seed=5)
    assert 30 < len(made) <= 60
    assert [row.text for row in made] == asked
    assert all(row.source == MIXED and set(row.targets) == set(HEADS) for row in made)
    assert not any("number 3 came" in row.text for row in made)
    assert all(len(row.text.split()) <= WINDOW_WORDS for row in made)
    assert [row.text for row in mixed(rows, 60, HEADS, ask, untouched, seed=5)] == [row.text for row in made]


def test_a_long_text_is_cut_to_what_the_network_reads() -> None:
    """A short one keeps its line breaks."""
    assert first_words("two\nlines") == "two\nlines"
    assert len(first_words("word " * 200).split()) == WINDOW_WORDS


def test_the_lstm_is_keras_own() -> None:
    """One unit, two steps, worked out by hand: gates in the order in, forget, cell, out; hard sigmoid."""
    kernel = torch.tensor([[1.0, 0.5, 2.0, -1.0]])
    recurrent = torch.tensor([[0.3, -0.2, 0.1, 0.4]])
    bias = torch.tensor([0.1, 1.0, 0.0, 0.2])
    state = cell = 0.0
    states = []
    for x in (0.7, -0.4):
        gates = [float(x * kernel[0, at] + state * recurrent[0, at] + bias[at]) for at in range(4)]
        enter, forget, leave = (min(max(0.2 * gates[at] + 0.5, 0.0), 1.0) for at in (0, 1, 3))
        cell = forget * cell + enter * float(np.tanh(gates[2]))
        state = leave * float(np.tanh(cell))
        states.append(state)
    found = _highest_state(torch.tensor([[[0.7], [-0.4]]]), kernel, recurrent, bias)
    assert float(found) == pytest.approx(max(states), abs=1e-6)


def test_the_word_index_is_read_out_of_the_pickles_stream() -> None:
    """Words that the stream names again by number, and nothing before or after the index."""

    def text(word: str) -> bytes:
        return b"X" + struct.pack("<I", len(word)) + word.encode()

    stream = (
        b"\x80\x03}(" + text("word_counts") + b"q\x00}(" + text("boat") + b"q\x01K\x09"
        + text("split") + b"q\x02K\x08u" + text("word_index") + b"q\x03}q\x04(h\x01K\x01h\x02M\x02\x01u"
        + text("index_word") + b"q\x05}(K\x01h\x01uu."
    )  # fmt: skip
    assert dict(_word_index(io.BytesIO(stream))) == {"boat": 1, "split": 258}


def test_files_of_another_version_are_refused(tmp_path: Path) -> None:
    """The reader was checked on one release."""
    folder = tmp_path / "tox_block" / "trained_models"
    folder.mkdir(parents=True)
    (folder / "lstm_model_0.1.2.h5").write_bytes(b"other")
    with pytest.raises(ValueError, match="not the file of tox-block"):
        Teacher.from_package(tmp_path)
