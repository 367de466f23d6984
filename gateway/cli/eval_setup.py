"""What the evaluations of text share: prompts, classifiers and policy from the options, and a progress bar.

Duty: options → parts, with every mistake told before a model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classifiers.protocol import Classifier
    from gateway.evaluation.prompts import LabelledPrompt
    from gateway.evaluation.text import OnStep
    from gateway.settings import Settings
    from policies.policy import Policy


@dataclass(frozen=True, slots=True)
class SetUp:
    """The parts of an evaluation, nothing loaded. `classifiers` holds the compared and the policy's."""

    prompts: list[LabelledPrompt]
    classifiers: Mapping[str, Classifier]
    compared: tuple[str, ...]
    policy: Policy


def set_up(
    settings: Settings,
    datasets: Sequence[str],
    benign: Sequence[Path],
    classifiers: Sequence[str],
    policy: str | None,
) -> SetUp:
    """Return the parts.

    Raises:
        ConfigurationError: the extra is missing, a file is wrong, or a classifier is none of text.
        PolicyError: there is no such policy, or these classifiers can't serve it.
    """
    from classifiers.signals import Modality
    from gateway.errors import ConfigurationError
    from gateway.evaluation.libraries import require_extra
    from gateway.evaluation.prompts import read_datasets
    from gateway.settings import ComponentSettings
    from gateway.wiring import build_classifiers, build_policies
    from policies.decision import Stage

    require_extra()
    prompts = read_datasets(datasets, benign)
    extra = {name: ComponentSettings(type=name) for name in classifiers if name not in settings.classifiers}
    settings = settings.model_copy(update={"classifiers": {**settings.classifiers, **extra}})
    built = build_classifiers(settings)
    for name in classifiers:
        if built[name].card.modality is not Modality.TEXT:
            raise ConfigurationError(f"--classifier {name}: it looks at pictures; name one that reads text")
    texts = tuple(name for name, made in built.items() if made.card.modality is Modality.TEXT)
    compared = tuple(dict.fromkeys(classifiers)) or texts
    chosen = build_policies(settings, built).book.get(policy or settings.policies.default)
    planned = tuple(use.name for use in chosen.plan(Stage.PROMPT).classifiers)
    needed = dict.fromkeys((*compared, *planned))
    return SetUp(prompts, {name: built[name] for name in needed}, compared, chosen)


@contextmanager
def progress(count: int, *, quiet: bool) -> Iterator[OnStep]:
    """Lend a callback that shows what is going on, on standard error of a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from gateway.cli.printing import console

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    out = console(error=True)
    with Progress(*columns, console=out, transient=True, disable=quiet or not out.is_terminal) as bar:
        task = bar.add_task("", total=None)
        counted: dict[str, int] = {}

        def on_step(what: str, done: int) -> None:
            counted[what] = counted.get(what, 0) + done
            total = count if what == "prompts" else None
            bar.update(task, description=what, completed=counted[what], total=total)

        yield on_step
