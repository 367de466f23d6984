"""What a policy author reads: every message, with its place, caret and hint, compared with a kept text.

`UPDATE_GOLDEN=1 pytest tests/golden/test_policy_diagnostics.py` writes the texts anew; read the diff.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from classifiers.signals import Modality
from policies import checks
from policies.compiler import compile_policy
from policies.errors import PolicyError
from policies.loader import load_policy
from policies.testing import made_up_card

FOLDER = Path(__file__).parent / "policy_diagnostics"
CARDS = {
    card.name: card
    for card in (
        made_up_card("wordlist", Modality.TEXT, "profanity", "hate", "sexual"),
        made_up_card(
            "prototypes", Modality.TEXT, "violence", "violence/graphic", "hate", "sexual/minors", "minor"
        ),
        replace(made_up_card("english", Modality.TEXT, "harassment"), languages=("en",)),
        replace(
            made_up_card("language", Modality.TEXT, "uncovered-language"),
            by_rule=True,
            unmarked=frozenset({"de", "en", "fr"}),
        ),
        made_up_card("opennsfw", Modality.IMAGE, "sexual", "sexual/minors", "real-person"),
    )
}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_wrong_policy_is_refused_with_the_kept_text(path: Path) -> None:
    """Each wrong file is refused with exactly the text beside it."""
    with pytest.raises(PolicyError) as caught:
        compile_policy(load_policy(path, path.name), CARDS)
    shown, kept = str(caught.value) + "\n", path.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        kept.write_text(shown)
    assert shown == kept.read_text()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_every_message_points_at_its_character(path: Path) -> None:
    """Line and column of each kept text name the character above the caret in the file."""
    source = path.with_suffix(".yaml").read_text().splitlines()
    rows = path.read_text().splitlines()
    heads = [row for row in rows if row.startswith(path.stem + ".yaml:") and row.split(":")[1].isdigit()]
    assert heads
    for head in heads:
        _file, line, column = head.split(":")[:3]
        place = rows.index(head)
        if place + 2 < len(rows) and rows[place + 2].rstrip().endswith("^"):
            caret = rows[place + 2].index("^") - rows[place + 2].index("|") - 2
            assert caret == int(column) - 1
            assert source[int(line) - 1].startswith(rows[place + 1].split(" | ", 1)[1])


def test_every_check_has_a_kept_text() -> None:
    """No check of `policies.checks` goes without a golden text."""
    texts = "\n".join(path.read_text() for path in FOLDER.glob("*.txt"))
    telltale = {
        "overlapping_bands": "overlap:",
        "empty_stage": "let everything through",
        "double_names": "a second rule has the id",
        "unknown_category": "unknown category",
        "unknown_classifier": "no classifier named",
        "modality_mismatch": "needs a classifier for",
        "uncovered_category": "measures",
        "illegal_action": "makes no sense at",
        "rewrite_section": "while the mode of rewrite is off",
        "review_section": "catches is never kept",
        "unreasoned_shadow": "lacks reason and date",
        "unreasoned_fail_open": "may fail open and lacks",
        "locked_rule": "is locked",
        "blind_lock": "the lock on sexual content with minors",
        "unmarked_language": "takes for covered",
        "unreachable_rule": "can never make a difference",
    }
    assert {check.__module__.rpartition(".")[2] for check in checks.CHECKS} == set(telltale)
    for words in telltale.values():
        assert words in texts
