"""docs/policies.md tells the truth: its blocks compile, its tests pass, its tables are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from classifiers.signals import FailureKind, Modality
from classifiers.taxonomy import CATEGORIES
from policies import document
from policies.book import LIBRARY
from policies.compiler import GATEWAY_ACTIONS, compile_policy
from policies.decision import Action, Mode, Stage
from policies.loader import load_policy, parse_policy, policy_files
from policies.locks import LOCK_EDGES, LOCKS
from policies.policy import Policy
from policies.testing import CaseDocument, ExpectDocument, PolicyTestDocument, made_up_card, run_test_text

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
BLOCKS = re.findall(r"^```(yaml[^\n]*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
CARDS = {
    card.name: card
    for card in (
        made_up_card("wordlist", Modality.TEXT, "profanity", "harassment", "hate", "sexual"),
        made_up_card(
            "prompt-safety", Modality.TEXT, "violence", "harassment", "hate", "sexual", "illicit/violent"
        ),
        made_up_card("minor-cues", Modality.TEXT, "minor"),
        made_up_card("language", Modality.TEXT, "uncovered-language"),
        made_up_card("opennsfw", Modality.IMAGE, "sexual"),
        made_up_card("nsfw-inception", Modality.IMAGE, "sexual"),
        made_up_card(
            "picture-concepts", Modality.IMAGE, "violence", "violence/graphic", "harassment", "illicit/drugs",
            "regulated/tobacco", "regulated/alcohol", "regulated/gambling", "hazard",
        ),
    )
}  # fmt: skip
FRAME = """\
name: frame
description: holds the page's loose rules
owner: tests
bands: {default: {low: 0.35, medium: 0.6, high: 0.85}}
rewrite: {mode: safety, max_attempts: 1}
stages:
  image: {skip: {reason: none here, date: 2026-01-01}}
  prompt:
    classifiers:
      - {name: wordlist, timeout_ms: 10}
      - {name: prompt-safety, timeout_ms: 10}
      - {name: minor-cues, timeout_ms: 10}
    rules:
      - {id: anchor, when: {category: profanity, at_least: low}, action: block}
"""


def blocks(kind: str, first_key: str) -> list[str]:
    found = [
        text
        for info, text in BLOCKS
        if info == kind and re.search(rf"^(- )?{first_key}:", text, re.MULTILINE)
    ]
    assert found
    return found


def documented_policies() -> dict[str, Policy]:
    loaded = [parse_policy(text, "docs/policies.md") for text in blocks("yaml", "name")]
    return {each.document.name: compile_policy(each, CARDS) for each in loaded}


def table_row(key: str) -> str:
    row = re.search(rf"^\|[^|]*`{re.escape(key)}`.*$", PAGE, re.MULTILINE)
    assert row is not None, f"no table row explains `{key}`"
    return row.group()


def test_every_block_is_tested() -> None:
    """Each YAML block is a policy, a test file or a list of rules; none goes unread."""
    read = blocks("yaml", "name") + blocks("yaml", "policy") + blocks("yaml rules", "id")
    assert sorted(read) == sorted(text for _info, text in BLOCKS)


def test_every_policy_on_the_page_compiles() -> None:
    """Whole policies compile; only the one that skips pictures warns, as the page says."""
    warned = {name for name, policy in documented_policies().items() if policy.warnings}
    assert warned == {"pass-through"}


@pytest.mark.parametrize("text", blocks("yaml rules", "id"))
def test_every_rule_on_the_page_compiles(text: str) -> None:
    """Loose rules compile inside a plain policy."""
    indented = "".join(f"      {line}\n" for line in text.splitlines())
    policy = compile_policy(parse_policy(FRAME + indented), CARDS)
    assert len(policy.rules(Stage.PROMPT)) > len(LOCKS) + 1


def test_the_tests_on_the_page_pass() -> None:
    """The page's test file passes against the page's policy and reaches every rule."""
    for text in blocks("yaml", "policy"):
        report = run_test_text(documented_policies()["museum"], text, "docs/policies.md")
        assert report.ok, report.render()


@pytest.mark.parametrize(
    "model",
    [
        document.PolicyDocument,
        document.StageDocument,
        document.ClassifierUseDocument,
        document.RuleDocument,
        PolicyTestDocument,
        CaseDocument,
        ExpectDocument,
    ],
)
def test_every_key_stands_in_a_table(model: type[BaseModel]) -> None:
    """Each key of the file and of its tests is explained in a table row."""
    for name, field in model.model_fields.items():
        assert table_row(field.alias or name)


def test_every_key_of_rewrite_stands_in_a_table() -> None:
    """Each key of the rewrite section is explained, with its default."""
    for name, field in document.RewriteDocument.model_fields.items():
        default = "required" if field.is_required() else str(field.default)
        assert table_row(f"rewrite.{name}").split("|")[2].strip(" `") == default


def test_every_word_is_told() -> None:
    """Each action with its stages, each mode, category, failure kind and lock is on the page."""
    for action in Action:
        row = re.search(rf"^\| `{action.word}` \|[^|]*\|[^|]*\|[^|]*\|$", PAGE, re.MULTILINE)
        assert row is not None, f"no row of the actions' table explains `{action.word}`"
        columns = row.group().split("|")
        assert (columns[2].strip() == "yes") is (action in GATEWAY_ACTIONS[Stage.PROMPT])
        assert (columns[3].strip() == "yes") is (action in GATEWAY_ACTIONS[Stage.IMAGE])
    words = [*CATEGORIES, *(kind.value for kind in FailureKind), *(lock.id for lock in LOCKS)]
    assert [word for word in words if f"`{word}`" not in PAGE] == []
    assert all(mode.value in table_row("mode") or mode is Mode.ENFORCE for mode in Mode)
    assert PAGE.count(f"at {LOCK_EDGES[0]} or above") == len(LOCKS)


def test_the_library_is_told() -> None:
    """Each library policy has its row, and the edges on the page are the library's."""
    for path in policy_files(LIBRARY):
        table_row(path.stem)
        edges = load_policy(path).document.bands["default"]
        assert f"({edges.low}, {edges.medium}, {edges.high})" in PAGE
