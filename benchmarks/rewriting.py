"""Rewriting, alone and eight at once, in CPU seconds on one thread: engines and models side by side.

python benchmarks/rewriting.py [--rounds 3] [--torch]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.ports import RewriteRequest
from gateway.rewriting import smollm2
from gateway.rewriting.transformers_chat import TransformersChatRewriter

TOKENS = 40
AT_ONCE = 8
# about forty tokens each, so that a rewrite that keeps the scene has about forty, too
PROMPTS = (
    (
        "a damn old lighthouse on a rocky island at sunset, waves breaking against the stones, seagulls in "
        "the sky, oil painting, warm light, long shadows, fine brush strokes"
    ),
    (
        "a stupid clown riding a small green bicycle through a crowded market in a medieval village in the "
        "morning, colourful flags on the houses, digital art, wide angle shot"
    ),
    (
        "two knights punching each other in a castle courtyard at dawn, banners in the wind, a black horse "
        "beside a stone well, dramatic lighting, concept art, highly detailed"
    ),
    (
        "a crappy little wooden house on a hill under a full moon, three pine trees, a winding path with "
        "lanterns, light fog in the valley, watercolor on rough paper"
    ),
    (
        "an idiot driving a blue bus through a big city in heavy rain, neon signs reflected in the puddles, "
        "people with umbrellas on the pavement, cinematic, 35mm film"
    ),
    (
        "a goddamn spaceship above the ocean at night, reflections of many windows on the water, distant "
        "islands, two small moons in the sky, anime style, vivid colours"
    ),
    (
        "a pathetic wizard reading a thick book in an old library, candles on every table, a white cat "
        "asleep on the stairs, tall windows, storybook illustration, soft shading"
    ),
    (
        "a bloody stupid robot selling fruit in front of a shop, baskets of apples and oranges, a striped "
        "awning, morning sun, a yellow dog beside the door, pixel art"
    ),
)
CATEGORIES = ("profanity", "harassment", "violence")


@dataclass(frozen=True, slots=True)
class Figures:
    """CPU seconds of a start, and CPU seconds and tokens of rewrites, alone and together."""

    load_s: float
    alone_s: list[float]
    alone_tokens: int
    together_s: float
    together_tokens: int

    def row(self, name: str) -> str:
        """One line of the table."""
        alone, together = sum(self.alone_s) / self.alone_tokens, self.together_s / self.together_tokens
        tokens = self.alone_tokens / len(self.alone_s)
        return (
            f"{name:<34} {self.load_s:>6.2f} {tokens:>7.1f} {statistics.median(self.alone_s):>7.2f} "
            f"{alone * TOKENS:>9.2f} {1 / alone:>8.1f} {1 / together:>8.1f} {alone / together:>6.2f}"
        )


async def measure(options: Mapping[str, object], rounds: int) -> Figures:
    """Start the embedded rewriter with `options` and time it."""
    rewriter = smollm2.from_options("smollm2", options)
    await rewriter.start()  # makes what is not in the cache yet
    await rewriter.close()
    rewriter = smollm2.from_options("smollm2", options)
    started = time.process_time()
    await rewriter.start()
    load_s = time.process_time() - started
    requests = [RewriteRequest(prompt, CATEGORIES, ()) for prompt in PROMPTS]
    await rewriter.rewrite(requests[0])
    alone_s, alone, together_s, together = [], 0, 0.0, 0
    for _ in range(rounds):
        for request in requests:
            started = time.process_time()
            line = await rewriter.rewrite(request)
            alone_s.append(time.process_time() - started)
            alone += tokens_of(rewriter, line)
        started = time.process_time()
        lines = await asyncio.gather(*(rewriter.rewrite(request) for request in requests[:AT_ONCE]))
        together_s += time.process_time() - started
        together += sum(tokens_of(rewriter, line) for line in lines)
    await rewriter.close()
    return Figures(load_s, alone_s, alone, together_s, together)


def tokens_of(rewriter: TransformersChatRewriter, line: str) -> int:
    """Tokens of an answer, with its end token."""
    tokens = rewriter._engine._tokens  # type: ignore[attr-defined]
    return len(tokens.tokenizer.encode(line, add_special_tokens=False)) + 1


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--torch", action="store_true", help="also the tuned model in PyTorch, bfloat16")
    args = parser.parse_args()
    rewriters: dict[str, dict[str, object]] = {
        "tuned, 8-bit graph": {"strategy": "tuned"},
        "untuned with examples, 8-bit graph": {"strategy": "instruct", "max_new_tokens": TOKENS},
    }
    if args.torch:
        rewriters["tuned, PyTorch bfloat16"] = {"strategy": "tuned", "dtype": "bfloat16"}
    print("CPU seconds of one thread; tokens/s are per CPU second")
    print(
        f"{'':<34} {'load':>6} {'tokens':>7} {'p50':>7} {f'at {TOKENS}':>9} {'1: t/s':>8} "
        f"{f'{AT_ONCE}: t/s':>8} {'ratio':>6}"
    )
    for name, options in rewriters.items():
        print(asyncio.run(measure(options, args.rounds)).row(name), flush=True)


if __name__ == "__main__":
    main()
