"""docs/policy-checks.md shows a check that works, and names every place where one must be entered."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from classifiers.signals import Modality
from policies import checks, compiler
from policies.compiler import compile_policy
from policies.loader import parse_policy
from policies.testing import made_up_card

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policy-checks.md").read_text("utf-8")
POLICY = (ROOT / "tests" / "golden" / "policy_diagnostics" / "check-double-rule-id.yaml").read_text("utf-8")
CARDS = {
    card.name: card
    for card in (
        made_up_card("wordlist", Modality.TEXT, "violence"),
        made_up_card("prototypes", Modality.TEXT, "violence"),
        made_up_card("opennsfw", Modality.IMAGE, "sexual"),
    )
}


def test_the_check_of_the_page_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entered into CHECKS it warns of a reason that names a classifier, and of no other."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    module = ModuleType("telling_reason")
    exec(code, module.__dict__)  # the page's own example
    monkeypatch.setattr(compiler, "CHECKS", (*checks.CHECKS, module.check))
    policy = POLICY.replace(
        "- id: violence\n        when: {category: sexual", "- id: nudity\n        when: {category: sexual"
    )
    told = policy.replace("action: block", "action: block\n        reason: Too much for opennsfw today")
    plain = policy.replace("action: block", "action: block\n        reason: Please leave nudity out")
    assert compile_policy(parse_policy(plain), CARDS).warnings == ()
    (warning,) = compile_policy(parse_policy(told), CARDS).warnings
    assert 'the public reason names the classifier "opennsfw"' in warning


def test_every_place_that_names_a_check_is_on_the_page() -> None:
    """A file that mentions each check by its module's name is one that the page sends its reader to."""
    names = [check.__module__.rpartition(".")[2] for check in checks.CHECKS]
    places = [
        path.relative_to(ROOT).as_posix()
        for folder in ("policies", "gateway", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if all(name in path.read_text("utf-8") for name in names)
    ]
    assert places
    assert [place for place in places if place not in PAGE] == []
