"""What one training row is, which heads there are, and how a text is told held out.

Duty: the vocabulary of this folder. A head that a row does not name is unknown for it: its loss is masked.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from classifiers.text.minor_cues import MinorCuesClassifier

MODERATION: Final = (
    "sexual",
    "hate",
    "hate/threatening",
    "harassment",
    "harassment/threatening",
    "self-harm",
    "violence",
    "violence/graphic",
    "violence/real-world",
    "illicit",
    "illicit/violent",
)
DETOXIFY: Final = (
    "toxicity",
    "severe_toxicity",
    "obscene",
    "threat",
    "insult",
    "identity_attack",
    "sexual_explicit",
)
HEADS: Final = (*MODERATION, *DETOXIFY)
"""Column order of the model's output."""
WEAK: Final = 0.3
_CUE: Final = 0.6

_MINOR: Final = re.compile(
    r"\b(?:child(?:ren|ish)?|kids?|minors?|under-?\s?age\w*|pre-?teens?|teen\w*|toddlers?|bab(?:y|ies)|infants?|"
    r"school\s?-?(?:girl|boy|kid|child)\w*|(?:young|little|small|tiny)\s+(?:girl|boy|daughter|son|sister|brother)s?|"
    r"daughters?|sons?|adolescents?|juveniles?|pupils?|lolis?|lolita|shotas?|pedo\w*|paedo\w*|jail\s?bait|"
    r"kindergart\w*|(?:1[0-7]|[1-9])[\s-]*(?:y\W?o\b|years?[\s-]+old|yrs?\b))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Row:
    """A text and what is known of it: head → target in [0, 1]. `kind` is P, C or T (post, chat, prompt)."""

    text: str
    source: str
    kind: str
    targets: Mapping[str, float]
    weight: float = 1.0
    weak: frozenset[str] = frozenset()
    """Heads whose target is a guess (a safe negative, no label): their loss counts `WEAK` of the weight."""
    language: str = "en"


@dataclass(slots=True)
class Counts:
    """Rows read, and rows left out by reason, per source."""

    read: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, dict[str, int]] = field(default_factory=dict)

    def drop(self, source: str, reason: str) -> None:
        reasons = self.dropped.setdefault(source, {})
        reasons[reason] = reasons.get(reason, 0) + 1


def none_of(heads: Iterable[str] = HEADS, **targets: float) -> dict[str, float]:
    """Zero for `heads`, then the named targets (`_` stands for `/` and `-` where a head has one)."""
    return {**dict.fromkeys(heads, 0.0), **targets}


def normalised(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def normalised_anywhere(text: str) -> str:
    """As `normalised`, for every script."""
    return re.sub(r"\W+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def text_hashes(text: str) -> tuple[str, ...]:
    """The forms in which held-out texts are listed, by both rules: 20 hex digits each.

    What the rule for a to z leaves of another script is no form of the text, unless it is a good part of it.
    """
    plain = normalised(text)
    forms = {normalised_anywhere(text), plain if text.isascii() or len(plain) > 8 else ""}
    return tuple(hashlib.sha256(form.encode()).hexdigest()[:20] for form in sorted(forms) if form)


def held_out(data: Path, prompts: Path) -> dict[str, frozenset[str]]:
    """Hashes of texts that must not be trained on: the evaluation sets' and those of `prompts/**/*.jsonl`."""
    listed: set[str] = set()
    for name in ("heldout_hashes.txt.gz", "heldout_hashes_2.txt.gz"):
        for line in gzip.decompress((data / name).read_bytes()).decode().splitlines():
            if line.strip() and not line.startswith("#"):
                listed.add(line.split()[-1])
    own: set[str] = set()
    for path in sorted(prompts.rglob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            if line.strip():
                values = [value for value in json.loads(line).values() if isinstance(value, str)]
                own |= {digest for value in values for digest in text_hashes(value)}
    return {"evaluation set": frozenset(listed), "benchmarks/prompts": frozenset(own)}


def names_a_minor(text: str) -> bool:
    """Whether a text has a cue for someone under 18, in any language of the cue list; strict on purpose."""
    return _MINOR.search(text) is not None or any(
        signal.score >= _CUE for signal in _cues().classify([text])[0]
    )


@functools.cache
def _cues() -> MinorCuesClassifier:
    return MinorCuesClassifier.from_options("minor-cues", {})


def may_be_sexual(row: Row) -> bool:
    """Whether a row is, or could be, about sex: such a row with a cue for a minor is never trained on."""
    return row.targets.get("sexual", 0.0) > 0 or row.targets.get("sexual_explicit", 0.0) > 0


def is_held_out(text: str, hashes: Mapping[str, frozenset[str]]) -> str | None:
    """Why a text may not be trained on, or None."""
    digests = text_hashes(text)
    return next((f"held out: {name}" for name, known in hashes.items() if known.intersection(digests)), None)


def kept(rows: Iterable[Row], hashes: Mapping[str, frozenset[str]], counts: Counts) -> list[Row]:
    """Rows that may be trained on: not held out, no sexual row with a cue for a minor, no repetition."""
    seen: set[str] = set()
    out: list[Row] = []
    for row in rows:
        counts.read[row.source] = counts.read.get(row.source, 0) + 1
        plain = normalised_anywhere(row.text)
        reason = is_held_out(row.text, hashes)
        if reason is None and plain in seen:
            reason = "repeated"
        if reason is None and not plain:
            reason = "no letters"
        if reason is None and may_be_sexual(row) and names_a_minor(row.text):
            reason = "sexual with a cue for a minor"
        if reason is not None:
            counts.drop(row.source, reason)
            continue
        seen.add(plain)
        out.append(row)
    return out


def is_validation(text: str, share: float) -> bool:
    """A split that depends on the text alone, so that copies of it stay on one side."""
    return (
        int(hashlib.sha256(b"split " + normalised_anywhere(text).encode()).hexdigest()[:8], 16)
        < share * 2**32
    )
