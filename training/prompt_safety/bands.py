"""What band edges would flag on the validation texts: the tables that the library's bands are read from.

python -m training.prompt_safety.bands --model models/prompt-safety [--data ../shared/data]

Per category (with what lies below it) and edge: the share of harmless validation texts at or above it, which
are as hard as life, and of harmful ones. Then, for each library policy, the share of each kind that it would
not allow, by this classifier alone; with `--data` also the validation split of the public sets.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from classifiers.registry import ClassifierSpec, load_classifiers
from classifiers.signals import Findings, Signal
from classifiers.text.prompt_safety import within_parents
from policies.book import LIBRARY
from policies.compiler import compile_policy
from policies.decision import Action, Stage
from policies.loader import load_policy
from training.prompt_safety.corpus import corpus
from training.prompt_safety.export import MOST, at_most, calibrated, scored
from training.prompt_safety.rows import HEADS, MODERATION, Row
from training.prompt_safety.stages import FIRST_SEED
from training.prompt_safety.written import validation_rows

EDGES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
FAMILIES: Final = ("sexual", "hate", "harassment", "self-harm", "violence", "illicit")
EMBEDDED: Final = (
    *("wordlist", "prompt-safety", "minor-cues", "language"),
    *("opennsfw", "nsfw-inception", "picture-concepts"),
)


def main() -> None:
    """Scores the validation split with the shipped graph and prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", type=Path, default=Path("models/prompt-safety"))
    parser.add_argument("--held-out", type=Path, default=Path("benchmarks/prompts"))
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    args = parser.parse_args()
    rows = validation_rows()
    if args.data is not None:
        rows += at_most(MOST, corpus(args.data, args.held_out, args.seed).validation)
    texts = [row.text for row in rows]
    scores = within_parents(calibrated(args.model, texts, scored(args.model, texts)), HEADS)
    tell_edges(rows, scores)
    for name in ("default", "strict", "permissive"):
        tell_policy(name, rows, scores)


def tell_edges(rows: Sequence[Row], scores: np.ndarray) -> None:
    """Share at or above each edge: harmless rows, rows of another harm, rows of the category."""
    sources = np.array([row.source for row in rows])
    ours = np.char.startswith(sources, "dev_")
    harmless = ours & np.array([max(row.targets.values(), default=0.0) == 0 for row in rows])
    print(f"harmless % of {harmless.sum()} / of other harm % / of the category %")
    print(f"{'category':22}" + "".join(f"{edge:>17}" for edge in EDGES))
    for family in (*FAMILIES, "violence/graphic", "violence/real-world", "illicit/violent"):
        heads = [at for at, head in enumerate(MODERATION) if head == family or head.startswith(family + "/")]
        highest = scores[:, heads].max(axis=1)
        of = ours & np.array([row.targets.get(family, 0.0) >= 0.5 for row in rows])
        other = ours & ~harmless & np.array([row.targets.get(family, 1.0) == 0 for row in rows])
        cells = [
            " / ".join(f"{100 * (highest[some] >= edge).mean():.1f}" for some in (harmless, other, of))
            for edge in EDGES
        ]
        print(f"{family:22}" + "".join(f"{cell:>17}" for cell in cells))


def tell_policy(name: str, rows: Sequence[Row], scores: np.ndarray) -> None:
    """Per source the share of rows that a library policy would not allow, by this classifier alone."""
    specs = {each: ClassifierSpec(each) for each in EMBEDDED}
    cards = {each: classifier.card for each, classifier in load_classifiers(specs).items()}
    policy = compile_policy(load_policy(LIBRARY / f"{name}.yaml"), cards)
    asked = tuple(use.name for use in policy.plan(Stage.PROMPT).classifiers)
    flagged: dict[str, list[bool]] = {}
    for row, line in zip(rows, scores, strict=True):
        signals = tuple(
            Signal(head, float(line[at]), "prompt-safety", "1")
            for at, head in enumerate(HEADS)
            if head in MODERATION
        )
        findings = Findings(signals, inspected_by=asked)
        action = policy.decide(Stage.PROMPT, findings, row.source).action
        flagged.setdefault(row.source, []).append(action is not Action.ALLOW)
    print(f"\npolicy {name}: not allowed")
    for source, found in flagged.items():
        print(f"  {source:24}{sum(found):6} of {len(found):5}  {100 * np.mean(found):6.2f} %")


if __name__ == "__main__":
    main()
