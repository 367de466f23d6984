"""Writes the prompts of `imagegate eval images`, by a seed, from the training labels.

300 labels, each as likely as any other; 90 things in a colour that is not their own; 100 pairs of common
things. Pairs are composed at random in training, so that one of these may have been seen there.

    python -m training.emoji_diffusion.asked --work DIR --to benchmarks/prompts/drawings.jsonl
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from training.emoji_diffusion import captions as words
from training.emoji_diffusion import stock
from training.emoji_diffusion.colours import TARGETS
from training.emoji_diffusion.stock import Thing

UNJUDGED = frozenset({"woman dancing"})
"""Labels that the judge has no name for."""
LABELS, EACH_COLOUR, PAINTED = 300, 10, 0.3
COLOURS = tuple(word for word in TARGETS if word not in {"white", "grey"})
"""White is the ground's colour, and grey a shadow's."""
LINKS = {"and": 50, "next to": 20, "above": 15, "below": 15}


def rows(things: list[Thing], seed: int) -> list[dict[str, object]]:
    """All rows, the same for the same seed."""
    source = random.Random(seed)
    core = [thing for thing in things if thing.weight == 1]
    out = [
        {
            "prompt": words.with_article(words.names(thing.emoji.label)[0]),
            "kind": "label",
            "slice": "common" if thing.weight == 1 else "rare",
            "things": [_thing(thing)],
        }
        for thing in source.sample([t for t in things if t.emoji.label not in UNJUDGED], LABELS)
    ]
    for paint in COLOURS:
        for thing in source.sample([thing for thing in core if paint in _paints(thing)], EACH_COLOUR):
            out.append({"prompt": _phrase(thing, paint), "kind": "colour", "things": [_thing(thing, paint)]})
    paired = [thing for thing in core if thing.emoji.group not in (1, 8)]
    for link, count in LINKS.items():
        for _ in range(count):
            pair = [(thing, _paint(thing, source)) for thing in source.sample(paired, 2)]
            prompt = f" {link} ".join(_phrase(thing, paint) for thing, paint in pair)
            things_ = [_thing(thing, paint) for thing, paint in pair]
            out.append({"prompt": prompt, "kind": "composed", "link": link, "things": things_})
    return out


def _paint(thing: Thing, source: random.Random) -> str | None:
    paints = [paint for paint in _paints(thing) if paint in COLOURS[:7]]
    return source.choice(paints) if paints and source.random() < PAINTED else None


def _paints(thing: Thing) -> tuple[str, ...]:
    """None for a thing whose colour is its name: a blue heart in red is another thing."""
    name = words.names(thing.emoji.label)[0]
    return thing.paints if words.plain_name(thing.emoji.label) == name else ()


def _phrase(thing: Thing, paint: str | None) -> str:
    if paint is None:
        return words.with_article(words.names(thing.emoji.label)[0])
    return words.with_article(f"{paint} {words.plain_name(thing.emoji.label)}")


def _thing(thing: Thing, paint: str | None = None) -> dict[str, str]:
    told = {"label": thing.emoji.label, "emoji": thing.emoji.key}
    return told if paint is None else {**told, "paint": paint}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="where the training's stock.npz lies")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=20)
    args = parser.parse_args()
    made = rows(stock.load(args.work), args.seed)
    args.to.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made))


if __name__ == "__main__":
    main()
