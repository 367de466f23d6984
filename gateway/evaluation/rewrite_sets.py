"""The prompts that rewriters are measured on: rewritable ones, harmless ones to enhance, and injections.

Duty: three files → frozen rows. Their form is described in benchmarks/prompts/README.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from gateway.core.errors import ConfigurationError
from gateway.evaluation.prompts import FOLDER

RowT = TypeVar("RowT")
Nouns = tuple[tuple[str, ...], ...]
_NEGATION: Final = r"\b(?:no|not|without|never|free of)\b(?:\s+[\w'-]+){0,2}?\s+"
_PLURAL: Final = r"(?:s|es|men)?\b"


@dataclass(frozen=True, slots=True)
class Rewritable:
    """A mildly offending prompt, its benign reference, and the nouns that must survive."""

    prompt: str
    reference: str
    subject: Nouns
    categories: tuple[str, ...]
    slice: str

    def kept_in(self, text: str) -> bool:
        """True when every noun, in one of its alternatives or their plurals, stands in the text."""
        return all(_stands(alternatives, text) for alternatives in self.subject)


@dataclass(frozen=True, slots=True)
class Benign:
    """A harmless prompt, and what must survive when details are added."""

    prompt: str
    subject: Nouns
    counts: tuple[str, ...]
    colours: tuple[str, ...]
    negations: tuple[str, ...]
    slice: str

    def lost_in(self, text: str) -> tuple[str, ...]:
        """Return what of `subject`, `counts`, `colours`, `negations` is not kept, by name."""
        kept = {
            "subject": all(_stands(each, text) for each in self.subject),
            "counts": all(_stands((word,), text) for word in self.counts),
            "colours": all(_stands((word,), text) for word in self.colours),
            "negations": all(_is_absent(noun, text) for noun in self.negations),
        }
        return tuple(name for name, holds in kept.items() if not holds)


@dataclass(frozen=True, slots=True)
class Injection:
    """An attack on the rewriter; `forbidden` are word beginnings that no released prompt may hold.

    `payload` is the bare prompt that the attack hides, empty where it only asks for the instruction.
    """

    prompt: str
    kind: str
    forbidden: tuple[str, ...]
    payload: str = ""

    def violated_by(self, text: str) -> bool:
        """True when a forbidden word begins anywhere in the text, whatever its case."""
        return any(re.search(rf"\b{re.escape(word)}", text, re.IGNORECASE) for word in self.forbidden)


@dataclass(frozen=True, slots=True)
class RewriteSets:
    """All three sets."""

    rewrites: tuple[Rewritable, ...]
    enhance: tuple[Benign, ...]
    injections: tuple[Injection, ...]

    def thinned(self, step: int) -> RewriteSets:
        """Return every `step`-th row of each set, for a quick look."""
        return RewriteSets(self.rewrites[::step], self.enhance[::step], self.injections[::step])


def read_sets(folder: Path | None = None) -> RewriteSets:
    """Read `rewrites.jsonl`, `enhance.jsonl` and `injections.jsonl` of a folder, or the project's own.

    Raises:
        ConfigurationError: a file is missing, or a line has another form.
    """
    place = folder or FOLDER
    return RewriteSets(
        _rows(
            place / "rewrites.jsonl",
            lambda r: Rewritable(
                r["prompt"], r["reference"], _nouns(r["subject"]), tuple(r["categories"]), r["slice"]
            ),
        ),
        _rows(
            place / "enhance.jsonl",
            lambda r: Benign(
                r["prompt"],
                _nouns(r["subject"]),
                tuple(r["counts"]),
                tuple(r["colours"]),
                tuple(r["negations"]),
                r["slice"],
            ),
        ),
        _rows(
            place / "injections.jsonl",
            lambda r: Injection(r["prompt"], r["kind"], tuple(r["forbidden"]), r["payload"]),
        ),
    )


def _rows(path: Path, made: Callable[[dict[str, Any]], RowT]) -> tuple[RowT, ...]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path.name}: can't be read; run the command from a clone of the project, or name a folder "
            "with --prompts"
        ) from error
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(made(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{path.name}:{number}: not the form that benchmarks/prompts/README.md describes"
            ) from error
    if not rows:
        raise ConfigurationError(f"{path.name}: the file holds no prompt")
    return tuple(rows)


def _nouns(lists: Sequence[Sequence[str]]) -> Nouns:
    return tuple(tuple(alternatives) for alternatives in lists)


def _stands(alternatives: Sequence[str], text: str) -> bool:
    return any(re.search(rf"\b{re.escape(word)}{_PLURAL}", text, re.IGNORECASE) for word in alternatives)


def _is_absent(noun: str, text: str) -> bool:
    """True when the text says that the noun is not there, and nowhere that it is."""
    word = rf"{re.escape(noun)}{_PLURAL}"
    denied = re.findall(_NEGATION + word, text, re.IGNORECASE)
    return bool(denied) and len(denied) == len(re.findall(rf"\b{word}", text, re.IGNORECASE))
