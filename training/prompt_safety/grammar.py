"""Templates to rows: frames with slots, filled; stories put together from sentences.

Duty: read `templates/*.txt` and make rows from them. A line `# style | labels` begins a block; each further
line is a frame. Frames and fillers are split by their own hash, so that validation sees neither a frame nor
(of the longer lists) a filler that training saw.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.prompt_safety.rows import HEADS, MODERATION, Row, names_a_minor

FOLDER: Final = Path(__file__).parent / "templates"
VALIDATION_FRAMES: Final = 0.12
VALIDATION_FILLERS: Final = 0.2
_FEW: Final = 8
"""A shorter list of fillers is not split."""

_MEANS: Final[Mapping[str, Mapping[str, float]]] = {
    "benign": {},
    "gore": {"violence": 1, "violence/graphic": 1},
    "violence": {"violence": 1, "violence/graphic": 0.2},
    "sexual": {"sexual": 1, "sexual_explicit": 1},
    "hate": {"hate": 1, "identity_attack": 1, "toxicity": 1},
    "harassment": {"harassment": 1},
}
# What is said of nothing: a text of the first kind may or may not be of the others as well.
_UNSURE: Final[Mapping[str, tuple[str, ...]]] = {
    "violence": ("illicit", "illicit/violent", "harassment", "harassment/threatening", "violence/real-world"),
    "sexual": ("illicit", "harassment"),
    "self-harm": ("violence", "violence/graphic", "illicit"),
    "hate": ("harassment", "harassment/threatening", "violence"),
    "hate/threatening": (
        "harassment/threatening",
        "violence/graphic",
        "violence/real-world",
        "illicit/violent",
        "illicit",
    ),
    "harassment": ("sexual", "hate"),
    "illicit": ("violence", "illicit/violent", "self-harm", "violence/graphic"),
}
_TOXIC_HEADS: Final = ("toxicity", "severe_toxicity", "threat", "insult", "identity_attack")


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a template file, its style and its labels in words."""

    line: str
    style: str
    labels: str

    @property
    def is_benign(self) -> bool:
        return self.labels == "benign"


class Grammar:
    """All frames and fillers of one side of the split."""

    def __init__(self, *, validation: bool, words: Mapping[str, Sequence[str]], seed: int) -> None:
        self._random = random.Random(seed + validation)
        self._slots = {
            name: _side(values, validation, VALIDATION_FILLERS if len(values) >= _FEW else 0.0)
            for name, values in {**_slots(), **words}.items()
        }
        frames = [frame for path in sorted(FOLDER.glob("*.txt")) for frame in _frames(path)]
        self._frames = [frame for frame in frames if _is_later(frame.line, VALIDATION_FRAMES) == validation]
        self._sentences: dict[str, list[str]] = {}
        for frame in self._frames:
            if frame.style in ("opener", "neutral", "dark", "tender", "closer"):
                self._sentences.setdefault(frame.style, []).append(frame.line)

    def rows(self, each: int, stories: int) -> Iterator[Row]:
        """`each` fillings of every frame, and `stories` of each story frame and as many harmless ones."""
        for frame in self._frames:
            if frame.style in ("image", "chat", "post"):
                for _ in range(each):
                    yield from self._row(frame)
        harmful = [frame for frame in self._frames if frame.style == "story"]
        for frame in harmful:
            for _ in range(stories):
                yield from self._story(frame)
        for _ in range(len(harmful) * stories):
            yield from self._story(None)

    def padded(self, text: str) -> str:
        """The text with harmless sentences around it: whatever it was, it still is."""
        before = self._some("opener", 1) + self._some("neutral", self._random.randint(0, 2))
        after = self._some(self._random.choice(("neutral", "dark")), self._random.randint(0, 2))
        parts = [*before, text, *after] if self._random.random() < 0.6 else [text, *after]
        return self._random.choice((" ", " ", "\n")).join(parts)

    def fill(self, line: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda slot: self._random.choice(self._slots[slot[1]]), line)

    def _row(self, frame: Frame) -> Iterator[Row]:
        if any(not self._slots.get(slot) for slot in re.findall(r"\{(\w+)\}", frame.line)):
            return
        text = self._dressed(frame, self.fill(frame.line))
        targets = targets_of(frame.labels)
        if targets.get("sexual") and names_a_minor(text):
            return
        kind = {"image": "T", "chat": "C", "post": "P"}[frame.style]
        source = f"template_{frame.style}_{'benign' if frame.is_benign else 'harm'}"
        yield Row(text, source, kind, targets)

    def _dressed(self, frame: Frame, text: str) -> str:
        """Style that says nothing about harm: the same for every label."""
        pick = self._random.random
        if frame.style == "image":
            if pick() < 0.4:
                text = f"{self.fill('{medium}')} of {text}"
            if pick() < 0.45:
                text = f"{text}, {self.fill('{tail}')}"
            elif pick() < 0.1:
                text = f"{self.fill('{tail}')}, {text}"
            if pick() < 0.1:
                text = self._random.choice(_ASKING) + text
        elif frame.style == "chat":
            if pick() < 0.25:
                text = self._random.choice(_OPENING) + text
            text += self._random.choice(("", "?", "?", " please", ""))
        elif pick() < 0.25:
            text += self._random.choice(_ENDING)
        draw = pick()
        return text[:1].upper() + text[1:] if draw < 0.4 else text.lower() if draw < 0.6 else text

    def _story(self, frame: Frame | None) -> Iterator[Row]:
        dark = self._random.random()
        body = self._some("neutral", self._random.randint(1, 4))
        body += self._some("dark", self._random.choice((0, 0, 1, 2)) if dark < 0.7 else 0)
        body += self._some("tender", self._random.choice((0, 0, 1)))
        self._random.shuffle(body)
        if frame is not None:
            same = [
                other.line
                for other in self._frames
                if other.style == "story" and other.labels == frame.labels
            ]
            harm = [frame.line, *self._random.choices(same, k=self._random.choice((0, 0, 1, 2)))]
            if any(not self._slots.get(slot) for line in harm for slot in re.findall(r"\{(\w+)\}", line)):
                return
            at = self._random.randint(0, len(body))
            body[at:at] = [self.fill(line) for line in dict.fromkeys(harm)]
        if self._random.random() < 0.6:
            body = self._some("opener", 1) + body
        if self._random.random() < 0.5:
            body += self._some("closer", 1)
        text = self._random.choice((" ", " ", " ", "\n", "\n\n")).join(body)
        targets = targets_of(frame.labels if frame else "benign")
        if targets.get("sexual") and names_a_minor(text):
            return
        harmless = frame is None or frame.is_benign
        yield Row(text, f"template_story_{'benign' if harmless else 'harm'}", "P", targets)

    def _some(self, bank: str, count: int) -> list[str]:
        lines = self._sentences.get(bank, [])
        return [self.fill(line) for line in self._random.sample(lines, min(count, len(lines)))]


_ASKING: Final = (
    "generate an image of ",
    "please draw ",
    "can you make a picture of ",
    "imagine ",
    "create a picture: ",
    "I'd like to see ",
    "show me ",
)
_OPENING: Final = (
    "hi, ",
    "please tell me ",
    "quick question: ",
    "I was wondering, ",
    "hello! ",
    "for a friend: ",
    "be honest, ",
    "in short, ",
    "hey, ",
    "I need help. ",
)
_ENDING: Final = ("!", "!!", " lol", " ...", " :(", " :)", " tbh", " #monday", ".", " really")


def targets_of(labels: str) -> dict[str, float]:
    """Labels in words to targets: what is named, what it implies, zero elsewhere, nothing where unsure."""
    named: dict[str, float] = {}
    for word in labels.split():
        head, _, value = word.partition("=")
        for meant, strength in (_MEANS.get(head) or ({head: 1.0} if head != "benign" else {})).items():
            named[meant] = strength * float(value or 1)
    unknown = {other for head in named for other in _UNSURE.get(head, ())} - set(named)
    if any(head in MODERATION for head in named):  # harm that is told need not be a toxic comment
        unknown |= {head for head in _TOXIC_HEADS if head not in named}
    if any(head.startswith("harassment") or head == "obscene" for head in named):
        unknown |= {head for head in _TOXIC_HEADS if head not in named}
    assert set(named) <= set(HEADS), f"unknown label in {labels!r}"
    return {head: named.get(head, 0.0) for head in HEADS if head in named or head not in unknown}


def _slots() -> dict[str, tuple[str, ...]]:
    slots = {}
    for line in (FOLDER / "slots.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, values = line.partition(":")
            slots[name] = tuple(value.strip() for value in values.split(";" if ";" in values else ","))
    return slots


def _frames(path: Path) -> Iterator[Frame]:
    if path.name == "slots.txt":
        return
    style = labels = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# "):
            style, labels = (part.strip() for part in line[2:].split("|"))
        elif line and not line.startswith("##"):
            yield Frame(line, style, labels)


def _side(values: Sequence[str], validation: bool, share: float) -> tuple[str, ...]:
    return tuple(value for value in values if not share or _is_later(value, share) == validation)


def _is_later(text: str, share: float) -> bool:
    return int(hashlib.sha256(b"template " + text.encode()).hexdigest()[:8], 16) < share * 2**32
