"""What band edges would flag on the validation split: the table that the library's bands are read from.

python -m training.prompt_safety.bands --data ../shared/data --model models/prompt-safety

Per category (with what lies below it) and edge: the share of harmless captions and of harmless templates
at or above it, and of harmful validation rows. Then, for a policy, the share of rows that it would not allow.
"""

from __future__ import annotations

import argparse
import json
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
from training.prompt_safety.export import scored
from training.prompt_safety.rows import HEADS, MODERATION, Row

EDGES: Final = (0.1, 0.15, 0.25, 0.35, 0.4, 0.45, 0.5, 0.6, 0.75, 0.85)
FAMILIES: Final = ("sexual", "hate", "harassment", "self-harm", "violence", "illicit")
EMBEDDED: Final = (
    *("wordlist", "prompt-safety", "minor-cues", "language"),
    *("opennsfw", "nsfw-inception", "picture-concepts"),
)
CAPTIONS: Final = ("coco", "t2i_compbench", "animal_prompts")


def main() -> None:
    """Scores the validation split with the shipped graph and prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=Path("models/prompt-safety"))
    parser.add_argument("--held-out", type=Path, default=Path("benchmarks/prompts"))
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    rows = corpus(args.data, args.held_out, args.seed).validation
    calibration = json.loads((args.model / "calibration.json").read_text("utf-8"))
    logits = scored(args.model, [row.text for row in rows])
    raw = 1 / (1 + np.exp(-(logits * np.array(calibration["slope"]) + np.array(calibration["offset"]))))
    scores = within_parents(raw, HEADS)
    tell_edges(rows, scores)
    for name in ("default", "strict", "permissive"):
        tell_policy(name, rows, scores)


def tell_edges(rows: Sequence[Row], scores: np.ndarray) -> None:
    """Share at or above each edge: captions / harmless templates / harmful rows of the category."""
    sources = np.array([row.source for row in rows])
    captions = np.isin(sources, CAPTIONS)
    written = np.char.endswith(sources, "_benign")
    print("captions % / harmless templates % / harmful rows %")
    print(f"{'category':12}" + "".join(f"{edge:>20}" for edge in EDGES))
    for family in FAMILIES:
        heads = [at for at, head in enumerate(MODERATION) if head == family or head.startswith(family + "/")]
        highest = scores[:, heads].max(axis=1)
        harmful = np.array([row.targets.get(family, 0.0) >= 0.5 for row in rows])
        cells = [
            " / ".join(f"{100 * (highest[of] >= edge).mean():.1f}" for of in (captions, written, harmful))
            for edge in EDGES
        ]
        print(f"{family:12}" + "".join(f"{cell:>20}" for cell in cells))


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
    captions = [hit for source in CAPTIONS for hit in flagged.get(source, [])]
    print(
        f"  {'captions together':24}{sum(captions):6} of {len(captions):5}  {100 * np.mean(captions):6.2f} %"
    )


if __name__ == "__main__":
    main()
