"""Bulk beside interactive: who waits for whom, against one server with the embedded text classifiers.

    python benchmarks/lanes.py [--seconds 20]

Phases of `--seconds` each, on 127.0.0.1: 8 interactive callers with short texts alone; the same beside four
callers with arrays of 32 texts of 2,000 characters; a tenant with one request a second alone, and then beside
one that sends as fast as ten connections can. Prints the statuses, the longest wait for a 503, and p50 and
p95 with their ratio to "alone". Times are of a shared machine; the ratios are of one run.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.servers import running_gateway

from gateway.api.keys import Role, add_key, create_key

SHORT = ("a red apple on a table", "gulls over a harbour at dusk", "an old violin, oil painting")
LONG = ("a quiet harbour with boats and gulls under a pale evening sky, painted in oil. " * 26)[:2000]


@dataclass
class Seen:
    """What callers of one kind were answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)

    def add(self, status: int, took_s: float) -> None:
        self.statuses[status] += 1
        (self.refused_s if status == 503 else self.waits_s).append(took_s)

    def quantile(self, share: float) -> float:
        waits = sorted(self.waits_s) or [0.0]
        return waits[min(len(waits) - 1, int(share * len(waits)))] * 1000

    def told(self) -> str:
        refused = f", a 503 within {max(self.refused_s) * 1000:.0f} ms" if self.refused_s else ""
        p50, p95 = self.quantile(0.5), self.quantile(0.95)
        return f"{dict(self.statuses)}, p50 {p50:.0f} ms, p95 {p95:.0f} ms{refused}"


class Callers:
    """Closed loops against one server."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = f"{url}/v1/moderations"
        self._seconds = seconds

    async def run(self, *kinds: Callable[[httpx.AsyncClient, float], Awaitable[Seen]]) -> list[Seen]:
        until = time.monotonic() + self._seconds
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(timeout=180, limits=limits) as client:
            return list(await asyncio.gather(*(kind(client, until) for kind in kinds)))

    def kind(
        self, callers: int, texts: Callable[[int], object], key: str | None = None, pause_s: float = 0.0
    ) -> Callable[[httpx.AsyncClient, float], Awaitable[Seen]]:
        headers = {"authorization": f"Bearer {key}"} if key else {}

        async def one(client: httpx.AsyncClient, until: float, seen: Seen) -> None:
            number = 0
            while time.monotonic() < until:
                begun = time.perf_counter()
                answer = await client.post(self._url, json={"input": texts(number)}, headers=headers)
                seen.add(answer.status_code, time.perf_counter() - begun)
                number += 1
                await asyncio.sleep(pause_s if answer.status_code != 503 else 0.5)

        async def all_of_them(client: httpx.AsyncClient, until: float) -> Seen:
            seen = Seen()
            await asyncio.gather(*(one(client, until, seen) for _ in range(callers)))
            return seen

        return all_of_them


def main() -> None:
    """Run the phases one after another and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "keys.jsonl"
        keys = {}
        for tenant in ("small", "large", "bulk"):
            made = create_key(Role.GENERATE, tenant=tenant)
            add_key(file, made.key)
            keys[tenant] = made.secret
        with running_gateway(Path(scratch) / "data", {"keys_file": str(file)}) as served:
            asyncio.run(phases(Callers(served.url, args.seconds), keys))


async def phases(callers: Callers, keys: dict[str, str]) -> None:
    interactive = callers.kind(8, lambda number: f"{SHORT[number % 3]}, take {number}", keys["small"])
    arrays = callers.kind(
        4, lambda number: [f"{number} {at} {LONG}"[:2000] for at in range(32)], keys["bulk"]
    )
    slow = callers.kind(1, lambda number: f"{SHORT[0]} {number}", keys["small"], pause_s=1.0)
    flood = callers.kind(10, lambda number: f"{SHORT[1]} {number}", keys["large"])
    (alone,) = await callers.run(interactive)
    print("8 interactive callers alone   ", alone.told())
    beside, bulk = await callers.run(interactive, arrays)
    print("  beside 4 callers with arrays", beside.told(), f"= {ratio(beside, alone)} of p95 alone")
    print("  the arrays                  ", bulk.told())
    (one,) = await callers.run(slow)
    print("1 request a second alone      ", one.told())
    flooded, flooder = await callers.run(slow, flood)
    print("  beside a tenant's flood     ", flooded.told(), f"= {ratio(flooded, one)} of p95 alone")
    print("  the flood                   ", flooder.told())


def ratio(these: Seen, those: Seen) -> str:
    return f"{these.quantile(0.95) / those.quantile(0.95):.2f}"


if __name__ == "__main__":
    main()
