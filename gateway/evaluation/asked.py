"""The prompts that pictures are asked for, with what each must show.

Duty: JSON Lines → frozen rows, every mistake reported with its line. The form is described in
benchmarks/prompts/README.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from gateway.core.errors import ConfigurationError
from gateway.evaluation.colour_words import WORDS
from gateway.evaluation.prompts import FOLDER, json_rows

FILE: Final = FOLDER / "drawings.jsonl"
"""The project's own set; it lies in a clone, not in an installed package."""
Kind: TypeAlias = Literal["label", "colour", "composed"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
LINKS: Final = ("and", "next to", "above", "below")


@dataclass(frozen=True, slots=True)
class Thing:
    """What must be seen: a name of the judge, the emoji's code points, and a colour word if one is asked."""

    label: str
    emoji: str
    paint: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt. `link` says how the two things of a composed one stand; `slice` is a part of the set."""

    prompt: str
    kind: Kind
    things: tuple[Thing, ...]
    link: str = ""
    slice: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names that must be seen."""
        return tuple(thing.label for thing in self.things)


def read_asked(path: Path | None = None) -> list[Asked]:
    """Return the rows of a file, or of the project's own.

    Raises:
        ConfigurationError: the file is missing or empty, or a line has another form.
    """
    place = path or FILE
    if not place.is_file():
        raise ConfigurationError(
            f"{place.name}: no such file; run the command from a clone of the project, or name a file with "
            "--prompts"
        )
    rows = [_row(row, f"{place.name}:{line}") for line, row in json_rows(place)]
    if not rows:
        raise ConfigurationError(f"{place.name}: the file holds no prompt")
    return rows


def thinned(rows: Sequence[Asked], step: int) -> list[Asked]:
    """Return every `step`-th row of each kind."""
    return [row for kind in KINDS for row in [each for each in rows if each.kind == kind][::step]]


def check_names(rows: Sequence[Asked], names: Collection[str]) -> None:
    """Pass rows whose names the judge knows.

    Raises:
        ConfigurationError: naming the first that it does not.
    """
    for row in rows:
        for label in row.labels:
            if label not in names:
                raise ConfigurationError(
                    f"the judge has no name {label!r}, which the prompt {row.prompt!r} needs; use one of its "
                    "labels.json"
                )


def _row(row: Mapping[str, Any], where: str) -> Asked:
    try:
        things = tuple(Thing(each["label"], each["emoji"], each.get("paint")) for each in row["things"])
        made = Asked(row["prompt"], row["kind"], things, row.get("link", ""), row.get("slice", ""))
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{where}: not the form that benchmarks/prompts/README.md describes"
        ) from error
    if made.kind not in KINDS:
        raise ConfigurationError(f"{where}: kind must be one of {', '.join(KINDS)}")
    if len(things) != (2 if made.kind == "composed" else 1):
        raise ConfigurationError(f"{where}: a composed prompt has two things, any other has one")
    if made.kind == "composed" and made.link not in LINKS:
        raise ConfigurationError(f"{where}: link must be one of {', '.join(LINKS)}")
    if any(thing.paint not in (None, *WORDS) for thing in things):
        raise ConfigurationError(f"{where}: paint must be one of {', '.join(WORDS)}")
    if made.kind == "colour" and things[0].paint is None:
        raise ConfigurationError(f"{where}: a prompt of the kind colour needs the thing's paint")
    return made
