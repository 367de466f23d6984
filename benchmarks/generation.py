"""What pictures cost on one thread: one answer, four at once, and the best batch for each size.

    OMP_NUM_THREADS=1 python benchmarks/generation.py [--rounds 5] [--sizes 512x512] [--float32]

CPU time of the process for whole answers as the gateway makes them: text, steps, enlargement, checks, PNG and
base64. The shapes of a call take turns, the median of the rounds is told. `--model` takes any diffusers
folder; `--wall` tells wall time instead, for models on an accelerator. The last line is the option
`batch_profile` for the settings: at each size, the smallest batch whose cost per picture is within 3 %
of the least.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pybase64

from gateway.core.requests import OutputFormat
from gateway.generation import emoji
from gateway.generation.batch_worker import Stroke
from gateway.generation.diffusers_backend import DiffusersGenerator
from gateway.generation.diffusers_options import parse_size
from gateway.generation.diffusers_painter import DiffusersPainter
from gateway.generation.tickets import BatchKey
from gateway.imaging.encode import encode

PROMPTS = ("a red apple", "a cat and a dog", "a blue car", "a rocket")
BATCHES = (1, 2, 4, 8)
NEAR = 1.03


def main() -> None:
    """Prints a table and the profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", default="512x512", help="comma-separated WIDTHxHEIGHT")
    parser.add_argument("--model", default=None, help="diffusers folder; absent: the embedded model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=None, help="absent: the model's default")
    parser.add_argument("--largest", type=int, default=8, help="largest batch of the profile")
    parser.add_argument("--float32", action="store_true", help="the embedded model without int8 products")
    parser.add_argument("--wall", action="store_true", help="wall time instead of CPU time")
    args = parser.parse_args()
    clock = time.perf_counter if args.wall else time.process_time
    options = {"device": args.device, "warmup": False, "preview": "off"}
    if args.model is None:
        generator = emoji.from_options("measured", options)
    else:
        generator = DiffusersGenerator.from_options("measured", options | {"model": args.model})
    painter, settings = generator._painter, generator._options
    painter.load()
    if args.float32:
        painter.loaded.pipe.int8 = False
    for size in args.sizes.split(","):
        shape = (*parse_size(size), args.steps or settings.default_steps)
        measure(painter, size, shape, args, clock)


def measure(
    painter: DiffusersPainter,
    size: str,
    shape: tuple[int, int, int],
    args: argparse.Namespace,
    clock: Callable[[], float],
) -> None:
    """Prints one size."""
    key = BatchKey(*shape, guidance_scale=None, has_negative=False)
    calls: dict[str, list[Stroke]] = {}
    for count in (count for count in BATCHES if count <= max(4, args.largest)):
        prompts = [PROMPTS[at % len(PROMPTS)] for at in range(count)]
        calls[f"{count} at once"] = [Stroke(prompt, None, seed) for seed, prompt in enumerate(prompts)]
    calls["4 of one prompt"] = [Stroke(PROMPTS[0], None, seed) for seed in range(4)]
    spent: dict[str, list[float]] = {name: [] for name in calls}
    answer(painter, key, calls["1 at once"])
    for _ in range(args.rounds):
        for name, strokes in calls.items():
            began = clock()
            answer(painter, key, strokes)
            spent[name].append(clock() - began)
    cost = {name: statistics.median(times) for name, times in spent.items()}
    one, kind = cost["1 at once"], "wall" if args.wall else "CPU"
    print(f"{size}, {shape[2]} steps, median of {args.rounds} rounds")
    for name, seconds in cost.items():
        each = seconds / len(calls[name])
        print(f"  {name:16} {seconds:7.3f} {kind} s  {seconds / one:5.2f} x one  {each:.3f} s a picture")
    each = {count: cost[f"{count} at once"] / count for count in BATCHES if f"{count} at once" in cost}
    best = min(count for count, spend in each.items() if spend <= NEAR * min(each.values()))
    print(f'  batch_profile: {{"{size}": {best}}}')


def answer(painter: DiffusersPainter, key: BatchKey, strokes: Sequence[Stroke]) -> int:
    """One answer, as bytes that could be sent; returns their number."""
    pictures = painter.paint(key, strokes, lambda *_: None)
    return sum(len(pybase64.b64encode(encode(pixels, OutputFormat.PNG))) for pixels in pictures)


if __name__ == "__main__":
    main()
