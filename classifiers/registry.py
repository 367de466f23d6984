"""From settings to classifiers: entry points looked up by type, and nothing that was not asked for.

Duty: find exactly one factory per type and call it with the operator's options. It knows no concrete
adapter. Installing a package alone never changes safety: only types that the settings name are loaded, and
one that is missing, double or broken refuses to start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from classifiers.protocol import (
    Classifier,
    ClassifierConfigError,
    FollowsLanguages,
    covered_languages,
)

CLASSIFIER_GROUP: Final = "imagegate.classifiers"


@dataclass(frozen=True, slots=True)
class ClassifierSpec:
    """What an operator asks for: an adapter's `type` (an entry point's name) and its options."""

    type: str
    options: Mapping[str, object] = field(default_factory=dict)


def load_factory(group: str, type_: str) -> Callable[..., Any]:
    """Return what the one entry point `type_` of `group` names.

    Raises:
        ClassifierConfigError: there is none, there are several, or importing it failed (cause chained). The
            gateway turns it into its own `PluginError` for rewriters and generators.
    """
    found: list[EntryPoint] = _distinct(entry_points(group=group, name=type_))
    if not found:
        known = ", ".join(sorted({point.name for point in entry_points(group=group)})) or "none"
        raise ClassifierConfigError(
            f"type {type_!r} is not installed in {group}; installed: {known}. "
            "Correct the type, or install the package that declares it."
        )
    if len(found) > 1:
        packages = ", ".join(sorted(_package(point) for point in found))
        raise ClassifierConfigError(
            f"type {type_!r} is declared more than once in {group} (by {packages}): uninstall all but one."
        )
    try:
        factory = found[0].load()
    except Exception as error:  # a plugin's import may raise anything; none may pass silently
        raise ClassifierConfigError(
            f"type {type_!r} of {group} (from {_package(found[0])}) can't be imported: "
            f"{type(error).__name__}: {error}. Repair or reinstall that package."
        ) from error
    if not callable(factory):
        raise ClassifierConfigError(
            f"type {type_!r} of {group} (from {_package(found[0])}) names something that can't be called; "
            "its entry point must name a factory `factory(name, options)`."
        )
    return factory  # type: ignore[no-any-return]  # an entry point's object has no static type


def load_classifiers(specs: Mapping[str, ClassifierSpec]) -> dict[str, Classifier]:
    """Build every configured classifier, in the order of the settings; loads no weights yet.

    One that follows the languages of the others has them by then.

    Raises:
        ClassifierConfigError: a type is missing, double or broken, an option is unknown or wrong, or a
            factory returned something else than a classifier of that name. The message begins with the name.
    """
    built = {name: _build(name, spec) for name, spec in specs.items()}
    languages = covered_languages(classifier.card for classifier in built.values())
    return {
        name: made.following(languages) if isinstance(made, FollowsLanguages) else made
        for name, made in built.items()
    }


def _build(name: str, spec: ClassifierSpec) -> Classifier:
    try:
        factory = load_factory(CLASSIFIER_GROUP, spec.type)
        classifier = factory(name, spec.options)
    except ClassifierConfigError as error:
        message = str(error)
        raise ClassifierConfigError(
            message if message.startswith(f"classifier {name!r}") else f"classifier {name!r}: {message}"
        ) from error
    except Exception as error:  # a third party's factory may raise anything: refuse to start
        raise ClassifierConfigError(
            f"classifier {name!r}: its factory ({spec.type}) failed: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(classifier, Classifier):
        raise ClassifierConfigError(
            f"classifier {name!r}: the factory of {spec.type} returned {type(classifier).__name__}, "
            "which has no `card` and `classify`."
        )
    if classifier.card.name != name:
        raise ClassifierConfigError(
            f"classifier {name!r}: its card says {classifier.card.name!r}; "
            "a factory must use the name that it is given."
        )
    return classifier


def _distinct(points: Any) -> list[EntryPoint]:
    """Entry points without mere repetitions: the same package found twice on the path counts once."""
    seen = {(_package(point), point.value): point for point in points}
    return list(seen.values())


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unknown package"
