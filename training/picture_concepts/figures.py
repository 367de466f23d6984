"""Calibrates the concepts on one unseen style and prints the figures on another, and on drawn pictures.

Calibration (`calibrate`) sees the validation style and a part of the generator's training pictures that the
network never saw; the figures see the test style and the generator's test pictures, once.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from classifiers.image.picture_concepts import LABELS
from policies.book import LIBRARY
from policies.loader import load_policy
from training.picture_concepts import augment
from training.picture_concepts.artwork import Sprites
from training.picture_concepts.concepts import CONCEPTS, shown_by, targets
from training.picture_concepts.net import SIDE, Early, Late, seen_twice

VIEWS = 2
"""Each drawing in so many placements: as it stands on white, and a random one."""


def views(
    sprites: Sprites, style: str, seed: int = 5
) -> tuple[torch.Tensor, np.ndarray, np.ndarray, list[str]]:
    """Pictures (rows x VIEWS), present and said (rows x VIEWS x concepts), and a label per picture."""
    rng = torch.Generator().manual_seed(seed)
    rows = sprites.rows(style)
    pixels = torch.from_numpy(np.ascontiguousarray(sprites.pixels[rows])).float() / 255
    count = len(rows)
    plain = [
        torch.full((count,), 0.95),
        torch.zeros(count),
        torch.zeros(count, 2),
        torch.ones(count),
        torch.ones(count),
    ]
    out = [augment.over(torch.ones(count, 3, SIDE, SIDE), augment.placed(pixels, *plain, side=SIDE)) * 2 - 1]
    for _ in range(VIEWS - 1):
        drawn = augment.random_placed(pixels, 0.5, 1.0, rng, side=SIDE)
        out.append(augment.softened(augment.over(augment.grounds(count, rng, side=SIDE), drawn), rng))
    labels = [sprites.labels[row] for row in rows] * VIEWS
    told = np.array([targets(label) for label in labels])
    return torch.cat(out), told[:, 0], told[:, 1], labels


@torch.inference_mode()
def logits(early: Early, late: Late, names: list[str], pictures: torch.Tensor) -> np.ndarray:
    """What is seen of each concept in pictures in [-1, 1], not calibrated."""
    shown = torch.tensor(shown_by(names))
    return torch.cat([seen_twice(early, late, some, shown) for some in pictures.split(128)]).numpy()


def average_precisions(seen: np.ndarray, present: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """AP per concept over what is said."""
    out = {}
    for index, name in enumerate(CONCEPTS):
        rows = said[:, index] > 0
        if present[rows, index].any():
            out[name] = float(average_precision_score(present[rows, index], seen[rows, index]))
    return out


def drawn(path: Path) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Generated pictures in [-1, 1], present, said."""
    told = np.load(path)
    pictures = torch.from_numpy(told["pictures"]).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pictures, told["targets"][:, 0], told["targets"][:, 1]


FALSE_ALARMS = (0.003, 0.0003)
"""Wanted share of validation pictures without a concept that reach its `low` and its `high`, per concept."""


def edges() -> list[tuple[float, float, float]]:
    """Low, medium and high of each concept's category in the library policy `default`."""
    bands = load_policy(LIBRARY / "default.yaml").document.bands
    found = []
    for name in CONCEPTS:
        category = LABELS[name]
        while category not in bands:
            category = category.rpartition("/")[0] or "default"
        found.append((bands[category].low, bands[category].medium, bands[category].high))
    return found


def calibrate(seen: np.ndarray, present: np.ndarray, said: np.ndarray) -> tuple[list[float], list[float]]:
    """A slope and an offset per concept that put the wanted shares of the clean on `low` and `high`.

    `high` is never above the middle of the concept's own pictures, and where those lie far above the clean
    ones, both edges move up into the gap.
    """
    slopes, offsets = [], []
    for index, (low, _, high) in enumerate(edges()):
        rows = said[:, index] > 0
        score, wanted = seen[rows, index], present[rows, index] > 0
        clean_low, clean_high = (np.quantile(score[~wanted], 1 - share) for share in FALSE_ALARMS)
        weak, middle = np.quantile(score[wanted], (0.1, 0.5))
        at_low = clean_low + max(0.0, 0.25 * (weak - clean_low))
        at_high = max(min(max(clean_high, weak), middle), at_low + 1.0)
        slope = (_logit(high) - _logit(low)) / (at_high - at_low)
        slopes.append(float(slope))
        offsets.append(float(_logit(low) - slope * at_low))
    return slopes, offsets


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def scores_of(seen: np.ndarray, slope: list[float], offset: list[float]) -> np.ndarray:
    """Scores in [0, 1] of concept logits."""
    return 1 / (1 + np.exp(-(seen * np.array(slope) + np.array(offset))))


def scores_by(graph: Path, pictures: torch.Tensor) -> np.ndarray:
    """Scores of pictures in [-1, 1] by the exported graph, which takes uint8 pixels."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    pixels = ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    parts = [session.run(None, {"pixels": pixels[at : at + 256]})[0] for at in range(0, len(pixels), 256)]
    return np.concatenate(parts)


def told(scores: np.ndarray, present: np.ndarray, said: np.ndarray) -> dict[str, object]:
    """The card's figures of one set: AP, recall and false alarms at each edge.

    A false alarm is a picture of no concept, about which every concept is said, that reaches the edge of any.
    """
    precisions = average_precisions(scores, present, said)
    clean = (present.sum(1) == 0) & (said.sum(1) == len(CONCEPTS))
    shown = present.sum(1) > 0
    out: dict[str, object] = {
        "pictures": len(scores),
        "of no concept": int(clean.sum()),
        "mean AP": float(np.mean(list(precisions.values()))),
        "AP": precisions,
    }
    for edge, name in enumerate(("low", "medium", "high")):
        reached = scores >= np.array([each[edge] for each in edges()])
        out[f"false alarms at {name}"] = float(reached[clean].any(1).mean())
        out[f"recall at {name}"] = float((reached & (present > 0))[shown].any(1).mean())
        out[f"recall by concept at {name}"] = {
            concept: float(reached[present[:, i] > 0, i].mean())
            for i, concept in enumerate(CONCEPTS)
            if present[:, i].any()
        }
    return out
