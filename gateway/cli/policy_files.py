"""What the policy commands work on: policies that serve, and policy files, compiled for the configured parts.

Duty: settings and files → policies. It prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.options import settings_from

if TYPE_CHECKING:
    from classifiers.protocol import ClassifierCard
    from gateway.service.settings import Settings
    from policies.book import PolicyBook
    from policies.errors import PolicyError
    from policies.policy import Policy
    from policies.testing import TestReport


@dataclass(frozen=True, slots=True)
class Checked:
    """One file's end: what is wrong with it, or the policy with its tests' report (None: no test file)."""

    file: Path
    error: PolicyError | None = None
    policy: Policy | None = None
    tests: TestReport | None = None

    @property
    def ok(self) -> bool:
        """True when the file compiles and its tests, if there are any, pass and reach every rule."""
        return self.error is None and (self.tests is None or self.tests.ok)


def named_policy(named: str, config: Path | None) -> Policy:
    """The policy that serves under a name, or the one that a file holds."""
    from gateway.core.errors import ConfigurationError

    if Path(named).suffix not in (".yaml", ".yml"):
        return policy_book(config)[1].get(named)
    checked = check_file(Path(named), policy_cards(config), to_serve=False)
    if checked.policy is None:
        raise ConfigurationError(str(checked.error))
    return checked.policy


def policy_cards(config: Path | None) -> Mapping[str, ClassifierCard]:
    """The card of each configured classifier, by its name in the settings."""
    from gateway.service.wiring import build_classifiers

    return {name: made.card for name, made in build_classifiers(settings_from(config)).items()}


def policy_book(config: Path | None) -> tuple[Settings, PolicyBook]:
    """The settings, and the policies that serve under them."""
    from gateway.service.wiring import build_classifiers, build_policies

    settings = settings_from(config)
    return settings, build_policies(settings, build_classifiers(settings)).book


def check_file(file: Path, cards: Mapping[str, ClassifierCard], *, to_serve: bool = True) -> Checked:
    """Compile one file as of today, and run the tests beside it where there are any.

    `to_serve` refuses what a reload refuses: a copy that is only compared may keep its policy's name.
    """
    from datetime import UTC, datetime

    from policies.book import refuse_other_name
    from policies.compiler import compile_policy
    from policies.errors import PolicyError
    from policies.loader import load_policy
    from policies.testing import cases_beside, run_tests

    try:
        loaded = load_policy(file)
        policy = compile_policy(loaded, cards, today=datetime.now(UTC).date())
        if to_serve:
            refuse_other_name(loaded, file)
        beside = cases_beside(file)
        return Checked(file, policy=policy, tests=run_tests(policy, beside) if beside.exists() else None)
    except PolicyError as error:
        return Checked(file, error=error)
