"""Calibrates the concepts on one unseen style and prints the figures on another, and on drawn pictures.

Calibration (`calibrate`) sees the validation style and a part of the generator's training pictures that the
network never saw; the figures see the test style and the generator's test pictures, once.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from sklearn.metrics import average_precision_score

from training.picture_concepts import augment
from training.picture_concepts.artwork import Sprites
from training.picture_concepts.concepts import CONCEPTS, targets
from training.picture_concepts.net import DrawingNet

VIEWS = 4
"""Each drawing in so many placements: as it stands on white, and three random ones."""


def load(weights: Path) -> tuple[DrawingNet, list[str]]:
    """The network in evaluation mode and its label names."""
    told = json.loads(weights.with_suffix(".json").read_text())
    net = DrawingNet(len(told["labels"]), len(told["concepts"]))
    net.load_state_dict(load_file(weights))
    return net.eval(), told["labels"]


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
    out = [augment.over(torch.ones(count, 3, 64, 64), augment.placed(pixels, *plain)) * 2 - 1]
    for _ in range(VIEWS - 1):
        drawn = augment.random_placed(pixels, 0.5, 1.0, rng)
        out.append(augment.softened(augment.over(augment.grounds(count, rng), drawn), rng))
    labels = [sprites.labels[row] for row in rows] * VIEWS
    told = np.array([targets(label) for label in labels])
    return torch.cat(out), told[:, 0], told[:, 1], labels


@torch.inference_mode()
def logits(net: DrawingNet, pictures: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """(label logits, concept logits) of pictures in [-1, 1]."""
    parts = [net(some) for some in pictures.split(256)]
    return torch.cat([p[0] for p in parts]).numpy(), torch.cat([p[1] for p in parts]).numpy()


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


MEDIUM = 0.6
"""Score at which the calibration puts the wanted threshold: the library's lower edge of `medium`."""
FALSE_ALARMS = 0.004
"""Wanted share of validation pictures without a concept that reach it, per concept."""


def calibrate(seen: np.ndarray, present: np.ndarray, said: np.ndarray) -> tuple[list[float], list[float]]:
    """A slope and an offset per concept, such that a share of `FALSE_ALARMS` of the clean reaches MEDIUM.

    Where the concept's own pictures lie far above that point, the threshold moves up to the middle between.
    """
    slopes, offsets = [], []
    for index in range(len(CONCEPTS)):
        rows = said[:, index] > 0
        score, wanted = seen[rows, index], present[rows, index] > 0
        clean = np.quantile(score[~wanted], 1 - FALSE_ALARMS)
        showing = np.quantile(score[wanted], 0.15) if wanted.any() else clean
        edge = max(clean, (clean + showing) / 2)
        slope = 0.8
        slopes.append(slope)
        offsets.append(float(np.log(MEDIUM / (1 - MEDIUM)) - slope * edge))
    return slopes, offsets


def report(net, slope, offset, style, pictures) -> dict[str, object]:
    """The card's figures: AP on the unseen style, recall and false alarms at `low` and `medium`, per set."""
    out: dict[str, object] = {}
    for name, (some, present, said) in {"unseen style": style, "generated": pictures}.items():
        seen = logits(net, some)[1]
        precisions = average_precisions(seen, present, said)
        scores = 1 / (1 + np.exp(-(seen * np.array(slope) + np.array(offset))))
        clean = (present.sum(1) == 0) & (said.sum(1) == len(CONCEPTS))
        told: dict[str, object] = {
            "pictures": len(seen),
            "mean AP": float(np.mean(list(precisions.values()))),
            "AP": precisions,
        }
        for edge, at in (("low", 0.35), ("medium", MEDIUM)):
            told[f"false alarms at {edge}"] = float((scores[clean].max(1) >= at).mean())
            told[f"recall at {edge}"] = float((scores >= at)[present > 0].mean())
            told[f"recall by concept at {edge}"] = {
                concept: float((scores[present[:, i] > 0, i] >= at).mean())
                for i, concept in enumerate(CONCEPTS)
                if present[:, i].any()
            }
        out[name] = told
    return out
