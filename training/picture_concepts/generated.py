"""Draws pictures with the embedded generator, for training and (other words, other seeds) for the test.

What a picture shows is taken from its prompt: the generator sometimes misses, so a few targets are wrong.
Writes an .npz: `pictures` N x 64 x 64 x 3 uint8, `targets` N x 2 x concepts (present, said), `prompts`.

    python -m training.picture_concepts.generated --part train --to work/drawn-train.npz
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gateway.generation.emoji_pipeline import EmojiDiffusionPipeline
from training.emoji_diffusion.captions import names, plural, with_article
from training.emoji_diffusion.vocabulary import CORE
from training.picture_concepts.concepts import CONCEPTS, POSITIVE, UNSAID, targets

DRAWABLE = frozenset(
    [
        "kitchen knife",
        "dagger",
        "crossed swords",
        "water pistol",
        "bow and arrow",
        "axe",
        "bomb",
        "drop of blood",
        "skull",
        "skull and crossbones",
        "syringe",
        "pill",
        "beer mug",
        "clinking beer mugs",
        "wine glass",
        "cocktail glass",
        "tropical drink",
        "bottle with popping cork",
        "game die",
        "slot machine",
        "joker",
        "fire",
        "collision",
    ]
)
"""Labels with a concept that the generator can draw; cigarettes, coffins and rude hands it never saw."""
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
FRAMES = {
    "train": (
        "{a}",
        "{name}",
        "a picture of {a}",
        "{a} on a white background",
        "{a} on a {colour} background",
        "{a} and {other}",
        "{coloured}",
        "{many}",
    ),
    "test": (
        "a drawing of {a}",
        "an emoji of {a}",
        "a cute little {name}, flat icon",
        "{a} on a {colour} square",
        "{other} next to {a}",
        "a picture of {coloured}",
    ),
}
COUNTS = {"train": (900, 1500), "test": (100, 300)}
"""Pictures with a concept, and benign ones."""
SEEDS = {"train": 1_000_000, "test": 9_000_000}


@dataclass(frozen=True)
class Asked:
    prompt: str
    shows: tuple[list[float], list[float]]


def _asked(label: str, frame: str, rng: random.Random, benign: list[str]) -> Asked:
    name = names(label)[0]
    other = rng.choice(benign)
    shows = targets(label)
    if "{other}" in frame:
        more = targets(other)
        shows = (
            [max(pair) for pair in zip(shows[0], more[0], strict=True)],
            [min(pair) for pair in zip(shows[1], more[1], strict=True)],
        )
    filled = frame.format(
        name=name,
        a=with_article(name),
        colour=(colour := rng.choice(COLOURS)),
        coloured=with_article(f"{colour} {name}"),
        many=f"two {plural(name) or name}",
        other=with_article(names(other)[0]),
    )
    return Asked(filled, shows)


def prompts(part: str, seed: int = 3) -> list[Asked]:
    """The part's prompts, those with a concept first."""
    rng = random.Random(f"{part}-{seed}")
    shown = sorted(DRAWABLE)
    said_of = {label for some in (*UNSAID.values(), *POSITIVE.values()) for label in some}
    benign = sorted(CORE - said_of)
    with_concept, without = COUNTS[part]
    return [
        _asked(shown[index % len(shown)], rng.choice(FRAMES[part]), rng, benign)
        for index in range(with_concept)
    ] + [_asked(rng.choice(benign), rng.choice(FRAMES[part]), rng, benign) for _ in range(without)]


def draw(model: Path, part: str, batch: int = 12) -> dict[str, np.ndarray]:
    """The part's pictures, drawn at the network's own 64 pixels."""
    torch.set_num_threads(1)
    pipe = EmojiDiffusionPipeline.from_pretrained(model, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    asked, tiles = prompts(part), []
    for start in range(0, len(asked), batch):
        some = [each.prompt for each in asked[start : start + batch]]
        seeds = [torch.Generator().manual_seed(SEEDS[part] + start + i) for i in range(len(some))]
        tiles.append(pipe(some, height=64, width=64, generator=seeds).images)
        if start % (batch * 10) == 0:
            print(f"{start + len(some)} of {len(asked)}", flush=True)
    return {
        "pictures": (np.concatenate(tiles) * 255).round().astype(np.uint8),
        "targets": np.array([each.shows for each in asked], np.uint8).reshape(len(asked), 2, len(CONCEPTS)),
        "prompts": np.array([each.prompt for each in asked]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/emoji-diffusion"))
    parser.add_argument("--part", choices=sorted(COUNTS), required=True)
    parser.add_argument("--to", type=Path, required=True)
    given = parser.parse_args()
    np.savez_compressed(given.to, **draw(given.model, given.part))


if __name__ == "__main__":
    main()
