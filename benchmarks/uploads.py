"""What hostile uploads cost: decode thousands of them, print the worst CPU time and the peak memory.

    python benchmarks/uploads.py [--count 6000] [--seed 0]

Files come from tests/support/hostile_images.py. Anything but pixels or a clear refusal ends with exit code 1.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.hostile_images import hostile_uploads

from gateway.imaging.decode import ImageRefused, decode_blocking


def forget_peak() -> None:
    """Begin to measure the peak anew: making the file may have taken more than reading it."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> int:
    """The process's largest resident size since `forget_peak`, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    ends: Counter[str] = Counter()
    costs: list[tuple[float, str]] = []
    memory: list[tuple[int, str]] = []
    for name, content in hostile_uploads(options.count, options.seed):
        forget_peak()
        started = time.process_time()
        try:
            decode_blocking(content)
            ends["decoded"] += 1
        except ImageRefused:
            ends["refused"] += 1
        except Exception as error:  # noqa: BLE001 - that none comes here is what is measured
            ends[f"CRASHED with {type(error).__name__} on {name}"] += 1
        costs.append((time.process_time() - started, name))
        memory.append((peak_mb(), name))
    for end, count in ends.most_common():
        print(f"{count:6d} {end}")
    for cost_s, name in sorted(costs, reverse=True)[:5]:
        print(f"{cost_s:6.2f} s CPU  {name}")
    for size_mb, name in sorted(memory, reverse=True)[:3]:
        print(f"{size_mb:6d} MB peak memory of the whole process  {name}")
    return int(set(ends) - {"decoded", "refused"} != set())


if __name__ == "__main__":
    sys.exit(main())
