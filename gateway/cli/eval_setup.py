"""What the evaluations share: prompts, classifiers and policy from the options, and a progress bar.

Duty: options → parts, with every mistake reported before a model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classifiers.protocol import Classifier
    from classifiers.signals import Modality
    from gateway.evaluation.prompts import LabelledPrompt
    from gateway.evaluation.text import OnStep, Run
    from gateway.service.settings import Settings
    from policies.decision import Stage
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
    from gateway.evaluation.libraries import require_extra
    from gateway.evaluation.prompts import read_datasets
    from policies.decision import Stage

    require_extra()
    prompts = read_datasets(datasets, benign)
    made, compared, chosen = _classifiers(settings, classifiers, policy, Modality.TEXT, Stage.PROMPT)
    return SetUp(prompts, made, compared, chosen)


def image_set_up(settings: Settings, classifiers: Sequence[str], policy: str | None, *, asked: bool) -> Run:
    """Return what an evaluation of pictures compares, nothing loaded.

    Raises:
        ConfigurationError: the extra is missing, no picture is asked for, or a classifier is none of images.
        PolicyError: there is no such policy, or these classifiers can't serve it.
    """
    from classifiers.signals import Modality
    from gateway.core.errors import ConfigurationError
    from gateway.evaluation.libraries import require_extra
    from gateway.evaluation.text import Run
    from policies.decision import Stage

    require_extra()
    if not asked:
        raise ConfigurationError(
            "nothing to measure: name a folder of harmless pictures or photos, or give --labelled, --emoji "
            "or --draw"
        )
    made, compared, chosen = _classifiers(settings, classifiers, policy, Modality.IMAGE, Stage.IMAGE)
    return Run(made, compared, chosen)


def _classifiers(
    settings: Settings, classifiers: Sequence[str], policy: str | None, modality: Modality, stage: Stage
) -> tuple[Mapping[str, Classifier], tuple[str, ...], Policy]:
    """The compared and the policy's classifiers by name, the names of the compared, and the policy."""
    from classifiers.signals import Modality
    from gateway.core.errors import ConfigurationError
    from gateway.service.settings import ComponentSettings
    from gateway.service.wiring import build_classifiers, build_policies

    extra = {name: ComponentSettings(type=name) for name in classifiers if name not in settings.classifiers}
    settings = settings.model_copy(update={"classifiers": {**settings.classifiers, **extra}})
    built = build_classifiers(settings)
    for name in classifiers:
        if built[name].card.modality is not modality:
            told = (
                "it looks at pictures; name one that reads text"
                if modality is Modality.TEXT
                else "it reads text; name one that looks at pictures"
            )
            raise ConfigurationError(f"--classifier {name}: {told}")
    fitting = tuple(name for name, made in built.items() if made.card.modality is modality)
    compared = tuple(dict.fromkeys(classifiers)) or fitting
    chosen = build_policies(settings, built).book.get(policy or settings.policies.default)
    planned = tuple(use.name for use in chosen.plan(stage).classifiers)
    needed = dict.fromkeys((*compared, *planned))
    return {name: built[name] for name in needed}, compared, chosen


@contextmanager
def progress(count: int, *, quiet: bool, counted: str = "prompts") -> Iterator[OnStep]:
    """Lend a callback that shows what is going on, on standard error of a terminal.

    `count` is the whole of the step named `counted`.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from gateway.cli.printing import console

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    out = console(error=True)
    with Progress(*columns, console=out, transient=True, disable=quiet or not out.is_terminal) as bar:
        task = bar.add_task("", total=None)
        done_of: dict[str, int] = {}

        def on_step(what: str, done: int) -> None:
            done_of[what] = done_of.get(what, 0) + done
            total = count if what == counted else None
            bar.update(task, description=what, completed=done_of[what], total=total)

        yield on_step
