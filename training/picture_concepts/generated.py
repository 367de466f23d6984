"""Draws pictures with the embedded generator, for training and (other words, other seeds) for the test.

What a picture shows is taken from its prompt: the generator sometimes misses, so a few targets are wrong.
Writes an .npz: `pictures` N x 128 x 128 x 3 uint8, `targets` N x 2 x concepts (present, said), `prompts`.

    python -m training.picture_concepts.generated --part train --to work/drawn-train.npz
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from classifiers.image.drawing_labels import DrawingLabels
from gateway.generation.emoji_pipeline import EmojiDiffusionPipeline
from training.emoji_diffusion.captions import names, plural, with_article
from training.emoji_diffusion.vocabulary import CORE
from training.picture_concepts.concepts import CONCEPTS, POSITIVE, UNSAID, targets
from training.picture_concepts.net import SIDE

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
"""Labels with a concept that the generator knows; cigarettes, coffins and rude hands it never saw."""
RECOGNISABLE = DRAWABLE - {
    "bottle with popping cork",
    "collision",
    "joker",
    "skull and crossbones",
    "slot machine",
    "tropical drink",
}
"""Those that a person knows again in its pictures: of six of each, drawn apart from every set here, the
others were smudges. Chosen before the training that it serves to measure."""
OWN_COLOUR = frozenset(["drop of blood", "fire"])
"""What is another thing in another colour: not trained on in one."""
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
        "{other} and {a}",
        "an icon of {a}",
        "a big {name}",
    ),
    "more": (
        "{a} on a {colour} background",
        "{a} on {colour} paper",
        "{colour} background with {a}",
        "a cute {name}",
        "a tiny {name}",
        "{name}, minimal logo",
    ),
    "test": (
        "a drawing of {a}",
        "an emoji of {a}",
        "a cute little {name}, flat icon",
        "{a} on a {colour} square",
        "{other} next to {a}",
        "a picture of {coloured}",
    ),
    "alone": (
        "a drawing of {a}",
        "an emoji of {a}",
        "a sticker of {a}",
        "one small {name}, simple style",
        "a cute little {name}, flat icon",
        "{a} on a {colour} square",
    ),
}
"""`test` asks for pairs and for other colours too, and for everything in `DRAWABLE`; `alone` for one thing,
of `RECOGNISABLE`: there the prompt tells what the picture shows."""
COUNTS = {"train": (2800, 2000), "more": (800, 400), "test": (100, 300), "alone": (100, 300)}
"""Pictures with a concept, and benign ones."""
TAUGHT = ("train", "more")
"""Parts that are learnt from; the others are tests."""
DRAWN_SIDE = 256
LIKELIEST = 10
SEEDS = {"train": 1_000_000, "more": 3_000_000, "test": 9_000_000, "alone": 7_000_000}


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


def _frames(part: str, label: str) -> list[str]:
    plain = part == "train" and label in OWN_COLOUR
    return [frame for frame in FRAMES[part] if not (plain and frame == "{coloured}")]


def prompts(part: str, seed: int = 3) -> list[Asked]:
    """The part's prompts, mixed, so that the first ones alone are a smaller set of the same kind."""
    rng = random.Random(f"{part}-{seed}")
    shown = sorted(RECOGNISABLE if part == "alone" else DRAWABLE)
    said_of = {label for some in (*UNSAID.values(), *POSITIVE.values()) for label in some}
    benign = sorted(CORE - said_of)
    with_concept, without = COUNTS[part]
    labels = [shown[index % len(shown)] for index in range(with_concept)]
    asked = [_asked(label, rng.choice(_frames(part, label)), rng, benign) for label in labels]
    asked += [_asked(rng.choice(benign), rng.choice(FRAMES[part]), rng, benign) for _ in range(without)]
    rng.shuffle(asked)
    return asked


def draw(model: Path, part: str, to: Path, batch: int = 12) -> None:
    """Draw the part's pictures into `to` (.npz), as the gate delivers them and the classifier shrinks them.

    Each batch is kept in a folder beside `to`, so that a stopped run goes on.
    """
    torch.set_num_threads(1)
    asked, kept = prompts(part), to.with_suffix("")
    kept.mkdir(parents=True, exist_ok=True)
    pipe = None
    for start in range(0, len(asked), batch):
        file = kept / f"{start:05}.npy"
        if file.exists():
            continue
        if pipe is None:
            pipe = EmojiDiffusionPipeline.from_pretrained(model, local_files_only=True)
            pipe.set_progress_bar_config(disable=True)
        some = [each.prompt for each in asked[start : start + batch]]
        seeds = [torch.Generator().manual_seed(SEEDS[part] + start + i) for i in range(len(some))]
        drawn = pipe(some, height=DRAWN_SIDE, width=DRAWN_SIDE, generator=seeds)
        np.save(file, np.stack([_shrunk(picture) for picture in drawn.images]))
        if start % (batch * 10) == 0:
            print(f"{start + len(some)} of {len(asked)}", flush=True)
    np.savez_compressed(
        to,
        pictures=np.concatenate([np.load(file) for file in sorted(kept.glob("*.npy"))]),
        targets=np.array([each.shows for each in asked], np.uint8).reshape(len(asked), 2, len(CONCEPTS)),
        prompts=np.array([each.prompt for each in asked]),
    )


def doubted(pictures: np.ndarray, present: np.ndarray, said: np.ndarray) -> np.ndarray:
    """`said`, without what the judge of drawings does not see: of a concept that the prompt asked for, no
    label is among its `LIKELIEST`, so nobody knows whether the generator drew it. Training pictures only.

    `pictures` N x 128 x 128 x 3 uint8; `present` and `said` N x concepts.
    """
    judge = DrawingLabels()
    shares = judge.probabilities([*pictures])
    likeliest = np.argsort(-shares, 1)[:, :LIKELIEST]
    out = said.copy()
    for index, concept in enumerate(CONCEPTS):
        names_of = [place for place, name in enumerate(judge.names) if name in POSITIVE[concept]]
        seen = np.isin(likeliest, names_of).any(1)
        out[(present[:, index] > 0) & ~seen, index] = 0
    return out


def _shrunk(picture: np.ndarray) -> np.ndarray:
    """As `classifiers.image.picture_concepts` does it."""
    pixels = Image.fromarray((picture * 255).round().astype(np.uint8))
    return np.asarray(pixels.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/emoji-diffusion"))
    parser.add_argument("--part", choices=sorted(COUNTS), required=True)
    parser.add_argument("--to", type=Path, required=True)
    given = parser.parse_args()
    draw(given.model, given.part, given.to)


if __name__ == "__main__":
    main()
