"""Every policy that ships compiles without a warning and passes its own tests, which reach every rule."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from classifiers.signals import Findings, Modality, Signal
from classifiers.taxonomy import CATEGORIES
from policies.book import LIBRARY
from policies.compiler import compile_policy
from policies.decision import Action, Stage
from policies.loader import load_policy, policy_files
from policies.policy import Policy
from policies.testing import cases_beside, made_up_card, run_tests

CARDS = {
    card.name: card
    for card in (
        made_up_card(
            "wordlist", Modality.TEXT, "profanity", "violence", "violence/graphic", "hate", "harassment",
            "self-harm", "sexual", "illicit", "illicit/violent",
        ),
        made_up_card(
            "prompt-safety", Modality.TEXT, "violence", "violence/graphic", "violence/real-world", "hate",
            "harassment", "self-harm", "sexual", "illicit", "illicit/violent",
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
FILES = policy_files(LIBRARY)


@functools.cache
def compiled(name: str) -> Policy:
    return compile_policy(load_policy(LIBRARY / f"{name}.yaml"), CARDS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_library_policy_passes_its_own_tests(path: Path) -> None:
    """Compiles without warnings; every case passes; every rule is reached."""
    policy = compiled(path.stem)
    assert policy.warnings == ()
    report = run_tests(policy, cases_beside(path))
    assert report.ok, report.render()


def test_the_library_is_complete() -> None:
    """The three policies that the documents name are there, and nothing without tests."""
    assert [path.stem for path in FILES] == ["default", "permissive", "strict"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_library_policy_tells_intent_and_owner(path: Path) -> None:
    """The file begins with a comment that says schema, intent and owner; every rule has a reason."""
    head = path.read_text()[:600]
    assert head.startswith("# yaml-language-server: ")
    assert head.splitlines()[1].startswith("# Intent:")
    assert "# Owner:" in head
    for rule in load_policy(path).document.stages.prompt.rules:
        assert rule.reason is not None or rule.action == "allow"


@pytest.mark.parametrize("score", [0.0, 0.2, 0.35, 0.5, 0.6, 0.75, 0.85, 1.0])
@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_strict_is_never_looser_than_the_other_two(category: str, score: float) -> None:
    """For any one score of any one classifier: strict is at least as strict as default and permissive."""
    for stage, looked in (
        (Stage.PROMPT, ("wordlist", "prompt-safety", "minor-cues", "language")),
        (Stage.IMAGE, ("opennsfw", "nsfw-inception", "picture-concepts")),
    ):
        for source in looked:
            findings = Findings((Signal(category, score, source, "r"),), (), looked)
            strict, default, permissive = (
                compiled(name).decide(stage, findings, "d").action
                for name in ("strict", "default", "permissive")
            )
            assert strict >= max(default, permissive)
            if category == "sexual/minors" and score >= 0.35:
                assert {strict, default, permissive} == {Action.BLOCK}
