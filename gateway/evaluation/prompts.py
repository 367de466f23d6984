"""Labelled prompts, and the files that hold them.

Duty: JSON Lines, CSV and plain lists → prompts with what is known of each. A category that a row does not
name is unknown and is masked wherever that category is counted; it is never taken for harmless. Every mistake
is reported with file and line.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from classifiers.taxonomy import CATEGORIES, is_known, is_within
from gateway.core.errors import ConfigurationError

BUILT_IN: Final = ("everyday", "lookalikes", "violations", "pairs")
"""The project's own held-out sets; they lie in a clone, not in an installed package."""
FOLDER: Final = Path(__file__).parents[2] / "benchmarks" / "prompts"

MAX_FILE_BYTES: Final = 200_000_000
_TEXT_KEYS: Final = ("text", "prompt")
_MARKS: Final = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
_REMARKS: Final = frozenset({"id", "source", "note"})
"""Columns that a row may carry for people; nothing reads them."""


@dataclass(frozen=True, slots=True)
class LabelledPrompt:
    """One prompt and what is known of it.

    `labels`: category → violated or not; a category that is not there is unknown. `harmless` says that it
    violates nothing at all, known or not. `pair` is shared by the two sides of a contrast pair. `lang` is a
    code of two letters, or nothing.
    """

    text: str
    dataset: str
    line: int
    labels: Mapping[str, bool] = field(default_factory=dict)
    slice: str = ""
    pair: str = ""
    harmless: bool = False
    lang: str = ""

    def label(self, category: str) -> bool | None:
        """Whether it violates the category, or None when nobody said.

        What violates a child violates its parent; what is harmless under a parent is so under its children.
        """
        if self.harmless:
            return False
        if any(marked and is_within(slug, category) for slug, marked in self.labels.items()):
            return True
        if any(not marked and is_within(category, slug) for slug, marked in self.labels.items()):
            return False
        return None

    @property
    def violates(self) -> bool | None:
        """Whether it violates any category: False when every label is 0, None when there is no label."""
        if self.harmless:
            return False
        return any(self.labels.values()) if self.labels else None

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return f"{self.dataset}:{self.line}"


def read_datasets(names: Iterable[str], benign: Iterable[Path] = ()) -> list[LabelledPrompt]:
    """Return the prompts of all the sets, in order: built-in names or files, then lists of harmless prompts.

    Raises:
        ConfigurationError: a file is missing, empty or wrong; the message names file, line and fix.
    """
    prompts: list[LabelledPrompt] = []
    for name in names:
        prompts += _labelled(_path(name), name)
    for path in benign:
        prompts += _harmless(path)
    if not prompts:
        raise ConfigurationError("nothing to measure: name a dataset, or give --benign FILE")
    return prompts


def categories_of(prompts: Iterable[LabelledPrompt]) -> list[str]:
    """Return every category that any prompt is labelled with, in the taxonomy's order."""
    found = {slug for prompt in prompts for slug in prompt.labels}
    return [slug for slug in CATEGORIES if slug in found] + sorted(found - CATEGORIES.keys())


def _path(name: str) -> Path:
    if name not in BUILT_IN:
        return Path(name)
    path = FOLDER / f"{name}.jsonl"
    if not path.is_file():
        raise ConfigurationError(
            f"the built-in set {name!r} lies in benchmarks/prompts of a clone of the project; run the "
            "command from a clone, or give a file"
        )
    return path


def _labelled(path: Path, name: str) -> list[LabelledPrompt]:
    rows = _rows(path)
    prompts = [labelled_row(row, name, line) for line, row in rows]
    if not prompts:
        raise ConfigurationError(f"{name}: the file holds no prompt")
    return prompts


def _harmless(path: Path) -> list[LabelledPrompt]:
    if path.suffix in (".jsonl", ".csv"):
        texts = [(line, _text(row, f"{path}:{line}"), _word(row, "slice")) for line, row in _rows(path)]
    else:
        lines = enumerate(_read(path).splitlines(), start=1)
        texts = [(number, text.strip(), "") for number, text in lines if text.strip()]
    if not texts:
        raise ConfigurationError(f"{path}: the file holds no prompt")
    return [LabelledPrompt(text, str(path), line, slice=cut, harmless=True) for line, text, cut in texts]


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if path.suffix == ".csv":
        return _csv_rows(path)
    if path.suffix in (".jsonl", ".ndjson"):
        return json_rows(path)
    raise ConfigurationError(
        f"{path}: not a form of prompt set; give .jsonl or .csv with labels, one of the built-in "
        f"{', '.join(BUILT_IN)}, or a plain list of harmless prompts by --benign"
    )


def json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield each line's number and object. Raises ConfigurationError with file and line."""
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ConfigurationError(f"{path}:{number}: not JSON; one object a line is read") from error
        if not isinstance(row, dict):
            raise ConfigurationError(f'{path}:{number}: not an object; write {{"text": …, "labels": …}}')
        yield number, row


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(_read(path).splitlines(keepends=True), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                wanted = len(reader.fieldnames or ())
                raise ConfigurationError(
                    f"{path}:{reader.line_num}: the row does not have {wanted} cells; quote cells with commas"
                )
            yield reader.line_num, row
    except csv.Error as error:
        raise ConfigurationError(f"{path}:{reader.reader.line_num}: not CSV: {error}") from error


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(f"{path}: more than {MAX_FILE_BYTES} bytes; cut the set into pieces")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise ConfigurationError(f"{path}: the file can't be read: {error.strerror}") from error


def labelled_row(row: Mapping[str, Any], dataset: str, line: int) -> LabelledPrompt:
    """Return a row's text and labels. Raises ConfigurationError with file and line."""
    place = f"{dataset}:{line}"
    marks = row.get("labels")
    nested = marks if isinstance(marks, dict) else {}
    if marks is not None and not isinstance(marks, dict):
        raise ConfigurationError(f'{place}: labels must be an object, as {{"violence": 1}}')
    labels: dict[str, bool] = {}
    for key, value in (*row.items(), *nested.items()):
        if key in (*_TEXT_KEYS, "slice", "pair", "lang", "labels") or (key in _REMARKS and key in row):
            continue
        if not is_known(key):
            raise ConfigurationError(
                f"{place}: {key!r} is no category and no other key of a prompt set; the categories are "
                f"{', '.join(CATEGORIES)}, or custom/…; rename the column or take it out"
            )
        marked = _mark(value, f"{place}: {key}")
        if marked is not None:
            labels[key] = marked
    if not labels:
        raise ConfigurationError(f"{place}: no label; give one of a category, or the file by --benign")
    for slug, marked in labels.items():
        for other, same in labels.items():
            if marked and not same and is_within(slug, other):
                raise ConfigurationError(f"{place}: {slug} is 1 and {other}, which it lies in, is 0")
    return LabelledPrompt(
        _text(row, place),
        dataset,
        line,
        labels,
        _word(row, "slice"),
        _word(row, "pair"),
        lang=_word(row, "lang"),
    )


def _mark(value: object, place: str) -> bool | None:
    if value is None or value == "":
        return None
    marked = _MARKS.get(str(value).strip().lower())
    if marked is None:
        raise ConfigurationError(f"{place} must be 1, 0, or empty where nobody knows")
    return marked


def _text(row: Mapping[str, Any], place: str) -> str:
    given = [row[key] for key in _TEXT_KEYS if key in row]
    if len(given) != 1:
        raise ConfigurationError(f"{place}: give the prompt under one key, text or prompt")
    if not isinstance(given[0], str) or not given[0].strip():
        raise ConfigurationError(f"{place}: the prompt is empty or not a text")
    return given[0]


def _word(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return "" if value is None else str(value).strip()
