"""Entry points are found, or starting is refused with the name and the fix."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from classifiers import registry
from classifiers.protocol import ClassifierConfigError
from classifiers.registry import CLASSIFIER_GROUP, ClassifierSpec, load_classifiers, load_factory

BROKEN = "tests_no_such_module:Thing"


class FakeDist:
    def __init__(self, name: str) -> None:
        self.name = name


def declare(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str, str]) -> None:
    """Stand in for installed packages: (name, value, package)."""
    made = []
    for name, value, package in points:
        point = EntryPoint(name, value, CLASSIFIER_GROUP)
        vars(point).update(dist=FakeDist(package))
        made.append(point)
    installed = EntryPoints(made)
    monkeypatch.setattr(registry, "entry_points", installed.select)


def refusal(type_: str, **options: Any) -> str:
    with pytest.raises(ClassifierConfigError) as caught:
        load_classifiers({"mine": ClassifierSpec(type_, options)})
    return str(caught.value)


def test_shipped_types_are_installed_and_take_the_operators_name() -> None:
    """A wordlist asked for by name comes up under that name."""
    made = load_classifiers({"words": ClassifierSpec("wordlist")})
    assert made["words"].card.name == "words"


def test_an_unknown_type_names_the_installed_ones() -> None:
    """The message says which classifier, which type, and what there is instead."""
    message = refusal("word-list")
    assert "classifier 'mine'" in message
    assert "'word-list' is not installed" in message
    assert "wordlist" in message


def test_an_unknown_option_is_refused() -> None:
    """An option that nothing reads would be a lie."""
    message = refusal("wordlist", thresold=0.5)
    assert "thresold" in message
    assert "known: " in message


def test_two_packages_declaring_one_type_refuse_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them would run must not depend on the order of installation."""
    declare(monkeypatch, ("x", "a:A", "pkg-one"), ("x", "b:B", "pkg-two"))
    message = refusal("x")
    assert "more than once" in message
    assert "pkg-one, pkg-two" in message


def test_the_same_package_seen_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """An editable install that shows up twice on the path is no duplicate."""
    target = "classifiers.text.wordlist:WordlistClassifier.from_options"
    declare(monkeypatch, ("x", target, "imagegate"), ("x", target, "imagegate"))
    assert callable(load_factory(CLASSIFIER_GROUP, "x"))


def test_a_plugin_that_fails_to_import_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guardrail that can't be imported is never skipped."""
    declare(monkeypatch, ("x", BROKEN, "pkg-one"))
    message = refusal("x")
    assert "can't be imported: ModuleNotFoundError" in message
    assert "pkg-one" in message


def test_a_factory_that_is_no_factory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point must name something callable."""
    declare(monkeypatch, ("x", "classifiers.registry:CLASSIFIER_GROUP", "pkg-one"))
    assert "can't be called" in refusal("x")


def test_a_factory_that_raises_or_returns_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an error nor a wrong object becomes a silent gap."""
    declare(monkeypatch, ("x", "builtins:dict", "pkg-one"), ("y", "builtins:max", "pkg-one"))
    assert "its factory (x) failed" in refusal("x")
    assert "classifier 'mine'" in refusal("y")
