"""False alarms of the embedded image classifiers on harmless pictures, under `default`, and what they cost.

    python benchmarks/sexual_pictures.py [--emoji icons.json] [--photos FOLDER] [--generated 300]

`icons.json` is npm @iconify-json/noto's (400 of its icons, rendered with resvg-py, the extra `training`);
FOLDER holds pictures such as scikit-image's `skimage/data`; --generated draws by the embedded model from
harmless prompts. Prints, per set, how many `default` does not allow, for sexual content and for anything, and
each classifier's highest scores; then CPU per 512 px picture on one thread.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from classifiers.signals import Findings
from gateway.service.settings import load_settings
from gateway.service.wiring import build_classifiers, build_policies
from policies.decision import Action, Stage

NOUNS = [
    "apple",
    "cat",
    "dog",
    "car",
    "rocket",
    "fish",
    "tree",
    "house",
    "star",
    "moon",
    "cake",
    "pizza",
    "bird",
    "horse",
    "flower",
    "boat",
    "train",
    "clock",
]
COLOURS = ("red", "blue", "green", "yellow", "purple", "orange", "pink", "brown", "white")


def emoji(icons: Path, wanted: int = 400) -> Iterator[np.ndarray]:
    from resvg_py import svg_to_bytes

    found = json.loads(icons.read_text())
    side = found.get("height", 128)
    names = sorted(found["icons"])
    for name in names[:: max(1, len(names) // wanted)][:wanted]:
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {side} {side}" width="256" height="256">'
            f"{found['icons'][name]['body']}</svg>"
        )
        layer = Image.open(io.BytesIO(bytes(svg_to_bytes(svg_string=svg)))).convert("RGBA")
        white = Image.new("RGB", layer.size, "white")
        white.paste(layer, mask=layer.getchannel("A"))
        yield np.array(white)


def photos(folder: Path) -> Iterator[np.ndarray]:
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in (".png", ".jpg", ".jpeg", ".gif", ".webp"):
            yield np.array(Image.open(file).convert("RGB"))


def generated(count: int) -> list[np.ndarray]:
    from gateway.core.ports import Generated, GenerationRequest
    from gateway.generation.emoji import from_options

    prompts = [f"a {COLOURS[i % len(COLOURS)]} {NOUNS[i % len(NOUNS)]}" for i in range(count)]

    async def draw() -> list[np.ndarray]:
        generator, pictures = from_options("emoji", {"default_size": "256x256"}), []
        await generator.start()
        for number, prompt in enumerate(prompts):
            request = GenerationRequest(str(number), prompt, None, 256, 256, (number,), timeout_s=600)
            events = [event async for event in generator.generate(request)]
            pictures += [event.pictures[0].pixels for event in events if isinstance(event, Generated)]
        await generator.close()
        return [pixels for pixels in pictures if pixels is not None]

    return asyncio.run(draw())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--emoji", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--generated", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    settings = load_settings()
    classifiers = build_classifiers(settings)
    policy = build_policies(settings, classifiers).get("default")
    planned = [classifiers[use.name] for use in policy.plan(Stage.IMAGE).classifiers]
    for classifier in planned:
        warmup = getattr(classifier, "warmup", None)
        if warmup is not None:
            warmup()
    names = tuple(classifier.card.name for classifier in planned)
    sets = {
        "emoji": emoji(options.emoji) if options.emoji else (),
        "photos": photos(options.photos) if options.photos else (),
        "generated": generated(options.generated),
    }
    for label, pictures in sets.items():
        count, sexual, acted, scores = 0, 0, 0, {}
        for pixels in pictures:
            signals = tuple(s for each in planned for s in each.classify([pixels])[0])
            decision = policy.decide(Stage.IMAGE, Findings(signals, (), names), "d")
            stopping = [hit for hit in decision.rules if hit.action is not Action.ALLOW]
            count, acted = count + 1, acted + (decision.action is not Action.ALLOW)
            sexual += any(hit.category.startswith("sexual") for hit in stopping)
            for signal in signals:
                scores.setdefault((signal.classifier, signal.category), []).append(signal.score)
        if not count:
            continue
        print(f"{label}: {count} pictures, {sexual} not allowed for sexual content, {acted} for anything")
        for (name, category), found in scores.items():
            top = sorted(found, reverse=True)[:3]
            print(f"  {name:16} {category:18} highest {', '.join(f'{score:.3f}' for score in top)}")
    picture = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    total = 0.0
    for classifier in planned:
        started = time.thread_time()
        for _ in range(10):
            classifier.classify([picture])
        cost_ms = (time.thread_time() - started) * 100
        total += cost_ms
        print(f"{classifier.card.name:16} {cost_ms:6.1f} ms CPU per 512 px picture")
    print(f"{'together':16} {total:6.1f} ms")


if __name__ == "__main__":
    main()
