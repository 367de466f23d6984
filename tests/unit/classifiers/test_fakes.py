"""The scripted classifier does what its script says, and says so when there is no more."""

from __future__ import annotations

import pytest

from classifiers.fakes import ScriptedClassifier, ScriptUsedUp


def test_items_get_their_steps_in_order() -> None:
    """Scores, functions of the item, and errors."""
    fake = ScriptedClassifier(
        script=[{"violence": 0.1}, lambda item: {"violence": len(item) / 10}, OSError("gone")]
    )
    first, second = fake.classify(["a", "abc"])
    assert (first[0].score, second[0].score) == (0.1, 0.3)
    with pytest.raises(OSError, match="gone"):
        fake.classify(["b"])
    assert (fake.items, fake.batches, fake.steps_left) == (["a", "abc", "b"], [2, 1], 0)


def test_a_script_that_is_used_up_fails_loudly() -> None:
    """A test that asks more than it planned never passes by accident."""
    fake = ScriptedClassifier(script=[{}])
    fake.classify(["a"])
    with pytest.raises(ScriptUsedUp, match="used up after 1"):
        fake.classify(["b"])
