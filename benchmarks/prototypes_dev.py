"""How well the shipped examples judge prompts held apart, and the curve fitted on those prompts.

    python benchmarks/prototypes_dev.py            figures for the shipped calibration
    python benchmarks/prototypes_dev.py --fit      the slope and offset to put into prototypes.json
    python benchmarks/prototypes_dev.py --fold     figures with the curve fitted on the other half
    python benchmarks/prototypes_dev.py --benign FILE.csv [--column prompt] [--limit 1000]
                                                   share of a file of harmless prompts that scores high

`prototypes_dev.json` holds prompts written for this project by the author of the examples: held apart from
the examples, but of one hand, and dense in look-alikes. So read the figures as a check, not as a promise.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from classifiers.text.prototypes import PrototypesClassifier, shipped_examples
from classifiers.text.similarity import ExampleScorer

HERE = Path(__file__).parent


def load() -> tuple[ExampleScorer, PrototypesClassifier]:
    classifier = PrototypesClassifier.from_options("prototypes", {"spans": False})
    classifier.warmup()
    return classifier._ready(), classifier


def fitted(margins: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Slope and offset of a logistic curve, by Newton's method with a little ridge."""
    design = np.stack([margins, np.ones_like(margins)], axis=1)
    parameters = np.zeros(2)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ parameters))
        gradient = design.T @ (weights * (chance - targets)) + 1e-3 * parameters
        curve = (design * (weights * chance * (1 - chance))[:, None]).T @ design + 1e-3 * np.eye(2)
        parameters -= np.linalg.solve(curve, gradient)
    return float(parameters[0]), float(parameters[1])


def pairs(
    margins: np.ndarray, labels: list[list[str]], categories: tuple[str, ...]
) -> tuple[np.ndarray, ...]:
    """Margins, targets and weights: an offending prompt with its own categories, a harmless one with all.

    Every prompt weighs the same in all.
    """
    found: list[tuple[float, float, float]] = []
    for row, own in zip(margins, labels, strict=True):
        for column, category in enumerate(categories):
            if not own or category in own:
                found.append((row[column], float(bool(own)), 1 / (len(own) or len(categories))))
    values = np.array(found)
    return values[:, 0], values[:, 1], values[:, 2]


def report(scores: np.ndarray, dev: list[dict], categories: tuple[str, ...], *, misses: bool) -> None:
    bad = np.array([bool(entry["categories"]) for entry in dev])
    top = scores.max(axis=1)
    print(f"{bad.sum()} offending prompts, {(~bad).sum()} harmless look-alikes")
    order = np.argsort(np.concatenate([top[bad], top[~bad]])).argsort() + 1
    auc = (order[: bad.sum()].sum() - bad.sum() * (bad.sum() + 1) / 2) / (bad.sum() * (~bad).sum())
    print(f"AUC of the highest score     {auc:.3f}")
    print(f"offending >= .85 / .5        {(top[bad] >= 0.85).mean():.1%} / {(top[bad] >= 0.5).mean():.1%}")
    print(f"look-alikes < .3 / < .5      {(top[~bad] < 0.3).mean():.1%} / {(top[~bad] < 0.5).mean():.1%}")
    for column, category in enumerate(categories):
        own = np.array([category in entry["categories"] for entry in dev])
        print(
            f"  {category:18} own >= .5: {(scores[own, column] >= 0.5).sum():3}/{own.sum():<3}"
            f" look-alikes >= .5: {(scores[~bad, column] >= 0.5).sum():3}"
        )
    if misses:
        for at in np.argsort(-top):
            if not bad[at] and top[at] >= 0.3:
                print(f"  high {top[at]:.2f} {categories[scores[at].argmax()]:16} {dev[at]['prompt']}")
        for at in np.argsort(top):
            if bad[at] and top[at] < 0.85:
                print(f"  low  {top[at]:.2f} {dev[at]['categories'][0]:16} {dev[at]['prompt']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--fold", action="store_true")
    parser.add_argument("--misses", action="store_true", help="print the prompts judged wrongly")
    parser.add_argument("--benign", type=Path)
    parser.add_argument("--column", default="prompt")
    parser.add_argument("--limit", type=int, default=1000)
    options = parser.parse_args()
    scorer, classifier = load()
    encoder = classifier._encoder
    if options.benign:
        with options.benign.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        step = max(1, len(rows) // options.limit)
        texts = [row[options.column] for row in rows[::step]][: options.limit]
        top = scorer.scores(encoder.encode(texts)).max(axis=1)
        print(
            f"{len(texts)} texts: >= .3 {(top >= 0.3).mean():.2%}, >= .5 {(top >= 0.5).mean():.2%}, "
            f">= .85 {(top >= 0.85).mean():.2%}"
        )
        for at in np.argsort(-top)[:20] if options.misses else ():
            print(f"  {top[at]:.2f} {texts[at]}")
        return
    dev = json.loads((HERE / "prototypes_dev.json").read_text("utf-8"))
    told = {text.lower() for each in shipped_examples().positive.values() for text in each}
    told |= {text.lower() for text in shipped_examples().benign}
    assert not told & {entry["prompt"].lower() for entry in dev}, "a dev prompt is among the examples"
    margins = scorer.margins(encoder.encode([entry["prompt"] for entry in dev]))
    labels = [entry["categories"] for entry in dev]
    if options.fit:
        slope, offset = fitted(*pairs(margins, labels, scorer.categories))
        print(json.dumps({"slope": round(slope, 2), "offset": round(offset, 2)}))
        return
    curve = scorer._calibration
    scores = 1 / (1 + np.exp(-(curve.slope * margins + curve.offset)))
    if options.fold:
        for half in (0, 1):
            other = [at for at in range(len(dev)) if at % 2 != half]
            slope, offset = fitted(*pairs(margins[other], [labels[at] for at in other], scorer.categories))
            mine = np.arange(half, len(dev), 2)
            scores[mine] = 1 / (1 + np.exp(-(slope * margins[mine] + offset)))
    report(scores, dev, scorer.categories, misses=options.misses)


if __name__ == "__main__":
    main()
