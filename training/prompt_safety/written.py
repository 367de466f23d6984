"""Texts written for this project in 25 languages: frames with alternatives, each harm beside harmless twins.

Duty: read `written/*.txt` and fill frames. A line is `KIND LABELS | text`; `{a|b|c}` in the text is one of
those. Whole frames are set apart for validation, by their hash.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.prompt_safety.rows import DETOXIFY, MODERATION, Row, names_a_minor

FOLDER: Final = Path(__file__).parent / "written"
VALIDATION_FOLDER: Final = Path(__file__).parent / "validation"
"""Finished texts by other authors, who had not seen the training's: for calibration and bands alone."""
VALIDATION_FRAMES: Final = 0.06
NONE: Final = "none"

_LINE: Final = re.compile(r"([TCP]) (\S+)(?: #([\w-]+))? \| (.+)")
_CHOICE: Final = re.compile(r"\{([^{}]*)\}")

_ALSO: Final[Mapping[str, Mapping[str, float]]] = {
    "sexual": {"sexual_explicit": 0.8},
    "hate": {"identity_attack": 1.0, "toxicity": 0.9},
    "harassment": {"insult": 0.9, "toxicity": 0.8},
    "harassment/threatening": {"threat": 1.0},
}
"""What a label of ours says of Detoxify's heads."""

_OPEN: Final[Mapping[str, tuple[str, ...]]] = {
    "violence": ("illicit/violent", "hate", "harassment", "violence/real-world"),
    "violence/graphic": ("violence/real-world",),
    "violence/real-world": ("violence/graphic", "hate", "hate/threatening", "illicit/violent"),
    "hate": ("harassment", "violence", "sexual"),
    "hate/threatening": ("violence", "violence/graphic", "illicit/violent", "violence/real-world", "illicit"),
    "harassment": ("hate", "sexual"),
    "harassment/threatening": ("violence", "illicit/violent", "illicit"),
    "self-harm": ("violence", "violence/graphic"),
    "illicit": ("illicit/violent",),
    "illicit/violent": ("violence", "violence/real-world"),
    "sexual": ("harassment",),
}
"""Heads that a label leaves open: a stabbing may or may not be a crime guide as well."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a file, with its language."""

    text: str
    kind: str
    labels: tuple[str, ...]
    language: str
    targets: Mapping[str, float]
    about: str = ""
    file: str = ""

    @property
    def is_harmless(self) -> bool:
        return self.labels == (NONE,)

    @property
    def combinations(self) -> int:
        number = 1
        for choice in _CHOICE.findall(self.text):
            number *= choice.count("|") + 1
        return number

    def filled(self, chance: random.Random) -> str:
        text = _CHOICE.sub(lambda choice: chance.choice(choice[1].split("|")), self.text)
        return re.sub(r" {2,}", " ", text).strip()

    def row(self, chance: random.Random) -> Row | None:
        """One filling, or None where chance made a sexual text with a cue for a minor."""
        text = self.filled(chance)
        if self.targets.get("sexual") != 0 and names_a_minor(text):
            return None
        source = f"written_{'benign' if self.is_harmless else 'harm'}"
        return Row(text, source, self.kind, self.targets, language=self.language)


def frames(*, validation: bool, folder: Path = FOLDER, without: Sequence[str] = ()) -> list[Frame]:
    """All frames of one side of the split; not those of files whose names begin as one of `without`.

    Raises:
        ValueError: a line is not of the form.
    """
    return [frame for frame in _all(folder, without) if _is_later(frame.text) == validation]


def validation_rows(folder: Path = VALIDATION_FOLDER) -> list[Row]:
    """The validation texts, each with its kind as source: `dev_short`, `dev_tricky`, …"""
    return [
        Row(frame.text, f"dev_{frame.about}", frame.kind, frame.targets, language=frame.language)
        for frame in _all(folder)
    ]


def targets_of(labels: tuple[str, ...]) -> dict[str, float]:
    """What labels say of each head; those they leave open are not named."""
    if labels == (NONE,):
        return dict.fromkeys((*MODERATION, *DETOXIFY), 0.0)
    targets = dict.fromkeys(MODERATION, 0.0)
    for label in labels:
        for head in _OPEN.get(label, ()):
            targets.pop(head, None)
    for label in labels:
        targets[label] = 1.0
        for head, value in _ALSO.get(label, {}).items():
            targets[head] = max(value, targets.get(head, 0.0))
    return targets


def _all(folder: Path, without: Sequence[str] = ()) -> Iterator[Frame]:
    for path in sorted(folder.glob("*.txt")):
        if path.stem.startswith(tuple(without)):
            continue
        language = path.stem.partition("_")[0]
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = _LINE.fullmatch(line.strip())
            if found is None:
                raise ValueError(f"{path.name}:{number}: not of the form `KIND LABELS | text`")
            labels = tuple(found[2].split("+"))
            if "" in labels:
                raise ValueError(f"{path.name}:{number}: a label is empty")
            if unknown := set(labels) - {NONE, *MODERATION}:
                raise ValueError(f"{path.name}:{number}: no such label: {', '.join(sorted(unknown))}")
            yield Frame(found[4], found[1], labels, language, targets_of(labels), found[3] or "", path.stem)


def _is_later(line: str) -> bool:
    digest = hashlib.sha256(b"frame " + line.encode()).hexdigest()
    return int(digest[:8], 16) < VALIDATION_FRAMES * 2**32
