"""The texts written for the prompt classifier's training: their form, and what their labels say."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from classifiers.text.prompt_safety import LANGUAGES
from training.prompt_safety.completing import completed
from training.prompt_safety.rows import DETOXIFY, HEADS, MODERATION, Row, names_a_minor, none_of
from training.prompt_safety.written import VALIDATION_FOLDER, Frame, frames, targets_of, validation_rows


def test_every_language_of_the_card_has_texts_of_both_sides() -> None:
    """A language is covered when training shows it harm of every kind beside harmless texts."""
    found: dict[str, set[str]] = {}
    for frame in frames(validation=False):
        found.setdefault(frame.language, set()).update(frame.labels)
    assert set(found) == set(LANGUAGES)
    for language, labels in found.items():
        assert labels >= {"none", *MODERATION}, language


def test_frames_are_split_whole() -> None:
    """No frame stands on both sides, and the smaller side has every language."""
    sides = [{(f.language, f.text) for f in frames(validation=side)} for side in (False, True)]
    assert not sides[0] & sides[1]
    assert {language for language, _ in sides[1]} == set(LANGUAGES)


def test_no_filling_is_sexual_and_names_a_minor() -> None:
    """Such a text is never made, whatever alternatives chance takes."""
    chance = random.Random(1)
    for side in (False, True):
        for frame in frames(validation=side):
            row = frame.row(chance)
            if row is not None:
                assert "{" not in row.text
                assert not (row.targets.get("sexual") != 0 and names_a_minor(row.text))


def test_a_line_of_another_form_is_named(tmp_path: Path) -> None:
    """A label that is no head stops the reading, with file and line."""
    (tmp_path / "de.txt").write_text("T none | ein Apfel\nT voilence | x\n", "utf-8")
    with pytest.raises(ValueError, match=r"de\.txt:2: no such label: voilence"):
        frames(validation=False, folder=tmp_path)


def test_what_a_label_leaves_open_is_not_named() -> None:
    """A threat may be violence as well; it is surely no self-harm."""
    targets = targets_of(("harassment", "harassment/threatening"))
    assert targets["harassment/threatening"] == 1
    assert targets["self-harm"] == 0
    assert "violence" not in targets
    assert set(targets_of(("none",))) == {*MODERATION, *DETOXIFY}


def test_alternatives_are_filled_one_by_one() -> None:
    """Each group gives one of its words; the number of combinations is their product."""
    frame = Frame("{a|the} {red|blue|} apple", "T", ("none",), "en", none_of())
    texts = {frame.filled(random.Random(seed)) for seed in range(60)}
    assert frame.combinations == 6
    assert texts == {f"{a}{b} apple" for a in ("a", "the") for b in (" red", " blue", "")}


@pytest.mark.parametrize(
    ("row", "weak", "open_"),
    [
        (Row("x", "jigsaw", "P", {"toxicity": 0.0}), "self-harm", None),
        (Row("x", "jigsaw", "P", {"toxicity": 1.0, "obscene": 1.0}), "illicit", "sexual"),
        (Row("x", "advbench", "C", {"illicit": 1.0}), "self-harm", "violence"),
    ],
)
def test_silence_of_a_set_is_a_weak_no_where_a_yes_is_unlikely(
    row: Row, weak: str, open_: str | None
) -> None:
    """A head that never saw ordinary posts with the answer no gives them any score."""
    filled = completed(row)
    assert filled.targets[weak] == 0
    assert weak in filled.weak
    assert open_ is None or open_ not in filled.targets


def test_validation_texts_are_no_training_texts() -> None:
    """They are by other authors; a text of both would be no validation."""
    assert VALIDATION_FOLDER.is_dir()
    training = {frame.text.casefold() for frame in frames(validation=False)}
    rows = validation_rows()
    assert {row.language for row in rows} == set(LANGUAGES)
    assert not training & {row.text.casefold() for row in rows}
    assert all(set(row.targets) <= set(HEADS) for row in rows)
