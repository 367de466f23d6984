"""PNG + base64 of one picture: the fast way beside Pillow's default, in one run, in CPU time.

Run: python benchmarks/encode.py [--side 1024] [--rounds 5]
Prints the median CPU milliseconds of each part, the bytes, and the ratio.
"""

from __future__ import annotations

import argparse
import base64
import io
import statistics
import time
from collections.abc import Callable

import numpy as np
import pybase64
from PIL import Image

from gateway.core.requests import OutputFormat
from gateway.imaging.encode import encode


def scene(side: int) -> np.ndarray:
    """Smooth shapes with a little noise: compresses like a generated picture, not like a flat one."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (side // 32, side // 32, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.int16)
    return (smooth + rng.integers(-3, 4, smooth.shape)).clip(0, 255).astype(np.uint8)


def pillow_png(pixels: np.ndarray) -> bytes:
    """Pillow as it comes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def median_ms(work: Callable[[], object], rounds: int) -> float:
    """Median process CPU time of `work`, milliseconds."""
    spent = []
    for _ in range(rounds):
        started = time.process_time_ns()
        work()
        spent.append((time.process_time_ns() - started) / 1e6)
    return statistics.median(spent)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1024, help="pixels per side")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    pixels = scene(asked.side)
    ours, theirs = encode(pixels, OutputFormat.PNG), pillow_png(pixels)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(ours))), pixels), "not lossless"
    fast = median_ms(lambda: pybase64.b64encode(encode(pixels, OutputFormat.PNG)), asked.rounds)
    usual = median_ms(lambda: base64.b64encode(pillow_png(pixels)), asked.rounds)
    print(f"{asked.side} x {asked.side} PNG + base64, median CPU of {asked.rounds} rounds")
    print(f"  'up' + ISA-L 1 + pybase64   {fast:8.2f} ms   {len(ours):>9} bytes")
    print(f"  Pillow default + base64     {usual:8.2f} ms   {len(theirs):>9} bytes")
    print(f"  ratio                       {usual / fast:8.1f} x   {len(ours) / len(theirs):>9.2f} x")


if __name__ == "__main__":
    main()
