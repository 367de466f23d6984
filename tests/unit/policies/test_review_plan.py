"""What a policy says of reviewing: shares fall the same way each time, and minors are recognised."""

from __future__ import annotations

from dataclasses import replace

import pytest

from classifiers.signals import Findings
from policies.decision import Action, Decision, Mode, PolicyRef, RuleHit, Severity, Stage
from policies.review import KeepRule, ReviewPlan, Route, concerns_minors, is_chosen


def hit(rule: str, category: str, action: Action = Action.BLOCK, mode: Mode = Mode.ENFORCE) -> RuleHit:
    return RuleHit(rule, action, mode, category, Severity.HIGH, 0.9, 0.8, "looks", "No.")


def decided(*hits: RuleHit, action: Action = Action.BLOCK) -> Decision:
    policy, findings = PolicyRef("p", "r"), Findings((), ())
    return Decision("d", Stage.IMAGE, action, action, hits, (), False, False, policy, findings, {}, "No.")


def test_a_share_is_a_share_and_falls_the_same_way_each_time() -> None:
    """The same request is chosen or not, however often it is asked; another purpose chooses others."""
    ids = [f"request-{number}" for number in range(20_000)]
    chosen = [one for one in ids if is_chosen(one, 0.1, "keep")]

    assert 1_800 < len(chosen) < 2_200
    assert chosen == [one for one in ids if is_chosen(one, 0.1, "keep")]
    assert chosen != [one for one in ids if is_chosen(one, 0.1, "second")]
    assert not any(is_chosen(one, 0.0, "keep") for one in ids)
    assert all(is_chosen(one, 1.0, "keep") for one in ids)


def test_the_first_fitting_route_counts() -> None:
    """Routes stand in the file's order; a category takes what is below it."""
    plan = ReviewPlan(routes=(Route("nudity", None, "pictures", 5), Route(None, "violence", "harm", 1)))

    assert plan.route([decided(hit("other", "violence/graphic"), hit("nudity", "sexual"))]) == plan.routes[0]
    assert plan.route([decided(hit("other", "violence/graphic"))]) == plan.routes[1]
    assert plan.route([decided(hit("other", "hate"))]) is None


def test_the_longest_fitting_time_counts() -> None:
    """Several entries may fit a picture: none shortens another."""
    plan = ReviewPlan(
        keeps=(KeepRule(None, Action.BLOCK, 1.0, 7), KeepRule("nudity", None, 1.0, 30))
    )  # fmt: skip

    assert plan.kept_for_days(decided(hit("nudity", "sexual")), "r") == 30
    assert plan.kept_for_days(decided(hit("other", "hate")), "r") == 7
    assert plan.kept_for_days(decided(action=Action.ALLOW), "r") == 0


@pytest.mark.parametrize(
    ("rule", "category", "minors"),
    [
        ("locked/sexual-minors", "sexual/minors", True),
        ("locked/sexual-with-minor", "sexual/minors", True),
        ("an-own-rule", "sexual/minors", True),
        ("locked/sexual-real-person", "sexual", False),
        ("sexual-maybe-minor", "sexual", False),
        ("nudity", "", False),
    ],
)
def test_what_concerns_minors_is_recognised(rule: str, category: str, *, minors: bool) -> None:
    """The locks' hits, and every rule on their category, in shadow too."""
    found = decided(hit(rule, category))
    assert concerns_minors(found) is minors
    assert concerns_minors(replace(found, rules=(), shadow=found.rules)) is minors


def test_second_reviewers_come_by_category_or_by_share() -> None:
    """A named category always gets one, with all that is below it."""
    plan = ReviewPlan(second_categories=("hate",))
    assert plan.wants_second([decided(hit("h", "hate/threatening"))], "r")
    assert not plan.wants_second([decided(hit("v", "violence"))], "r")
    assert ReviewPlan(second_share=1.0).wants_second([], "r")
