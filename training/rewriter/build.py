"""All rows of a training, in one seeded order, without anything that an evaluation holds.

Duty: how many of which kind, and what is dropped (with counts).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from training.rewriter import sources
from training.rewriter.injections import Injections
from training.rewriter.rows import Builder, Row
from training.rewriter.stories import story

SHARES = {
    "template": 7000,
    "story": 1900,
    "coco": 4500,
    "wordlist": 1000,
    "benign": 1600,
    "caption": 1600,
    "compbench": 900,
    "injection": 1800,
    "paradetox": 2000,
}
VALIDATION = 400
_NEVER = frozenset('"“”„«»`{}<>|\\*#[]~^')
_TEXT_KEYS = ("text", "prompt", "reference", "benign")


@dataclass(frozen=True, slots=True)
class Rows:
    """Training and validation rows, and how many were dropped for which reason."""

    training: list[Row]
    validation: list[Row]
    dropped: Counter[str]


def build(data: Path, exclude: Iterable[Path], *, seed: int, scale: float = 1.0) -> Rows:
    """Build both halves; every row whose prompt or answer stands in an evaluation is dropped."""
    held, ours = _held_out(data), _prompts(exclude)
    dropped: Counter[str] = Counter()
    halves = []
    for held_out in (False, True):
        rows = _half(data, random.Random(f"{seed}-{held_out}"), held_out=held_out, scale=scale)
        kept = []
        for row in rows:
            reason = _objection(row, held, ours)
            if reason:
                dropped[reason] += 1
            else:
                kept.append(row)
        random.Random(seed).shuffle(kept)
        halves.append(kept)
    return Rows(halves[0], halves[1], dropped)


def normalised(text: str) -> str:
    """Lower case, everything but letters and digits as single spaces."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def _half(data: Path, rng: random.Random, *, held_out: bool, scale: float) -> list[Row]:
    builder = Builder(rng, held_out=held_out)
    captions = [
        text for index, text in enumerate(sources.coco_captions(data)) if (index % 20 == 0) == held_out
    ]
    prompts = [
        text for index, text in enumerate(sources.compbench_prompts(data)) if (index % 20 == 0) == held_out
    ]
    coarse = sources.coarse_words(data)
    corrupted = sources.Corrupted(builder, captions, coarse)
    injections = Injections(builder)
    makers: dict[str, Callable[[], Row]] = {
        "template": builder.offending,
        "story": lambda: story(builder),
        "coco": corrupted.row,
        "wordlist": corrupted.word_row,
        "benign": builder.benign,
        "caption": lambda: builder.kept("caption", rng.choice(captions)),
        "compbench": lambda: builder.kept("compbench", rng.choice(prompts)),
        "injection": injections.row,
    }
    total = sum(SHARES.values())
    rows: list[Row] = []
    for kind, share in SHARES.items():
        count = round(VALIDATION * share / total) if held_out else round(share * scale)
        if kind == "paradetox":
            words = frozenset(word for _, word in coarse)
            pairs = list(sources.paradetox(data, rng, 6000, words))
            rows += [row for index, row in enumerate(pairs) if (index % 20 == 0) == held_out][:count]
        else:
            rows += [makers[kind]() for _ in range(count)]
    return rows


def _objection(row: Row, held: frozenset[str], ours: frozenset[str]) -> str | None:
    texts = [normalised(row.prompt), normalised(row.answer)]
    if not row.answer or not texts[1]:
        return "empty answer"
    if any(hashlib.sha256(text.encode()).hexdigest()[:20] in held for text in texts):
        return "held-out hash"
    if any(text in ours for text in texts):
        return "in an evaluation prompt file"
    if not _NEVER.isdisjoint(row.answer):
        return "characters that no answer may hold"
    if (
        row.kind != "caption"
        and any("sexual" in c for c in row.categories)
        and sources.MINORS.search(row.prompt)
    ):
        return "a cue of a minor beside a sexual row"
    return None


def _held_out(data: Path) -> frozenset[str]:
    with gzip.open(data / "heldout_hashes.txt.gz", "rt") as file:
        return frozenset(line.strip()[:20] for line in file if line.strip())


def _prompts(files: Iterable[Path]) -> frozenset[str]:
    """The normalised texts of JSON-lines prompt files, used for equality alone."""
    texts = set()
    for path in files:
        for line in path.read_text().splitlines():
            if line.strip():
                entry = json.loads(line)
                texts |= {normalised(entry[key]) for key in _TEXT_KEYS if isinstance(entry.get(key), str)}
    return frozenset(texts)
