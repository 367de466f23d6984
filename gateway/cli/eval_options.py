"""Options that the evaluations share: the compared classifiers, the policy, labelled prompts, and the report.

Duty: names and help texts, and where a report goes. It measures nothing.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import typer

EvaluationT = TypeVar("EvaluationT")

DatasetsArgument: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        help="Labelled sets: .jsonl or .csv files, or everyday, lookalikes, violations, pairs (in a clone).",
        show_default=False,
    ),
]
BenignOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--benign", help="Harmless prompts: a text file, one per line, or .jsonl, .csv. Repeatable."
    ),
]
ClassifierOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--classifier",
        help="Classifier to compare: a name of the settings, or an installed type. Repeatable; absent: all.",
    ),
]
PolicyOption: TypeAlias = Annotated[
    str | None, typer.Option(help="Policy that says what is flagged. Absent: the default.")
]


def written(
    evaluation: EvaluationT,
    out: Path | None,
    write_report: Callable[[EvaluationT, Path, str], Sequence[Path]],
) -> list[str]:
    """Write the report where `--out` says, with the command that was given; return its files, none without.

    Raises:
        ConfigurationError: the folder can't be written.
    """
    if out is None:
        return []
    command = shlex.join(["imagegate", *sys.argv[1:]])
    return [str(path) for path in write_report(evaluation, out, command)]
