"""Durable appends per second, CPU per record and latency, beside one commit per record in the same run.

    python benchmarks/audit.py [--records 5000] [--folder DIR] [--json]

Waiters are asyncio tasks, as in the gateway: each appends a sealed prompt decision of about 1 KB and waits
until it is durable. The baseline stores the same bytes in such a file, with one transaction per record.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from gateway.audit import AuditSettings, SqliteAuditLog, new_id
from gateway.audit.canonical import canonical
from gateway.audit.record import RecordMaker
from gateway.audit.schema import connect_writer
from gateway.audit.sealing import Sealer
from gateway.audit.store import Store
from gateway.core.ports import RecordDraft


def draft(*, sealed: bool = True) -> RecordDraft:
    """A typical blocked prompt: three scores, one rule, one model, a sealed prompt."""
    rule = {"severity": "high", "score": 912_345, "threshold": 800_000, "action": "block", "mode": "enforce"}
    public = {
        "request": {"id": new_id(), "tenant": "default", "surface": "http"},
        "stage": "prompt",
        "action": "block",
        "verdict": "block",
        "degraded": False,
        "rules": [{"id": "violence-high", "category": "violence", **rule}],
        "scores": [
            {"category": c, "score": 12_345, "classifier": "detoxify"} for c in ("hate", "sexual", "x")
        ],
        "policy": {"name": "default", "revision": "ab" * 32},
        "models": [{"role": "classifier", "name": "detoxify", "revision": "1.0", "sha256": "cd" * 32}],
        "images": {"total": 0, "inspected": 0},
    }
    text = {"prompt": "a red apple on a wooden table, morning light", "actor": "key_0123456789"}
    return RecordDraft(type="decision", id=new_id(), public=public, sealed=text if sealed else None)


async def drive(append: Callable[[RecordDraft], Future], waiters: int, records: int) -> dict[str, float]:
    """Append `records` from `waiters` tasks; rates, CPU of the whole process and latency."""
    drafts = [draft() for _ in range(records)]
    latencies: list[float] = []

    async def one_waiter() -> None:
        while drafts:
            begin = time.perf_counter()
            await asyncio.wrap_future(append(drafts.pop()))
            latencies.append(time.perf_counter() - begin)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(one_waiter() for _ in range(waiters)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "waiters": waiters,
        "records_per_s": round(records / wall),
        "cpu_us_per_record": round(cpu / records * 1e6, 1),
        "p50_ms": round(cuts[49] * 1e3, 2),
        "p99_ms": round(cuts[98] * 1e3, 2),
    }


def one_commit_each(folder: Path) -> tuple[Callable[[RecordDraft], Future], Callable[[], None]]:
    """The baseline: a thread that commits every record by itself, unsealed and without a tree."""
    pool = ThreadPoolExecutor(1)
    connection = connect_writer(folder / "baseline.db")
    connection.execute("CREATE TABLE records(idx INTEGER PRIMARY KEY, id TEXT UNIQUE, body BLOB)")

    def write(item: RecordDraft) -> None:
        connection.execute(
            "INSERT INTO records(id, body) VALUES (?, ?)", (item.id, canonical(dict(item.public)))
        )

    def close() -> None:
        pool.shutdown()
        connection.close()

    return lambda item: pool.submit(write, item), close


async def only_the_queue(waiters: int, records: int) -> dict[str, float]:
    """What asyncio itself costs for handing a record to a thread and waiting: no log at all."""
    pool = ThreadPoolExecutor(1)
    try:
        return await drive(lambda item: pool.submit(lambda: None), waiters, records)
    finally:
        pool.shutdown()


def parts(rounds: int = 5000) -> dict[str, float]:
    """Microseconds of CPU of each step of one record, alone."""
    maker = RecordMaker("bench", Sealer(os.urandom(32)))
    sealer = Sealer(os.urandom(32))
    plain, sealed = draft(sealed=False), draft()
    steps: dict[str, Callable[[], object]] = {
        "new_id": new_id,
        "canonical bytes": lambda: canonical(plain.public),
        "seal": lambda: sealer.seal(sealed.id, sealed.type, sealed.sealed),
        "make, unsealed": lambda: maker.make(plain),
        "make, sealed": lambda: maker.make(sealed),
    }
    found = {}
    for name, step in steps.items():
        begin = time.process_time()
        for _ in range(rounds):
            step()
        found[name] = round((time.process_time() - begin) / rounds * 1e6, 1)
    return found


def commit_us(folder: Path) -> dict[str, float]:
    """Microseconds of CPU per record of the transaction alone, by group size."""
    maker = RecordMaker("bench", Sealer(os.urandom(32)))
    found = {}
    for group in (1, 16, 64, 256):
        entries = [maker.make(draft()) for _ in range(256 if group == 1 else 256 * 10)]
        store = Store(folder / f"commit-{group}.db")
        begin = time.process_time()
        for at in range(0, len(entries), group):
            store.write(entries[at : at + group])
        found[f"commit, {group} a group"] = round((time.process_time() - begin) / len(entries) * 1e6, 1)
        store.close()
    return found


def sync_us(folder: Path) -> float:
    """Median microseconds of an fdatasync after 4 KB on this disk, for scale."""
    times = []
    handle = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY)
    for _ in range(200):
        os.write(handle, bytes(4096))
        begin = time.perf_counter()
        os.fdatasync(handle)
        times.append(time.perf_counter() - begin)
    os.close(handle)
    return round(statistics.median(times) * 1e6, 1)


def measure(folder: Path, records: int) -> dict[str, object]:
    """Run every scenario in one folder."""
    log = SqliteAuditLog.open(AuditSettings(folder / "audit"))
    baseline, close_baseline = one_commit_each(folder)
    rows = []
    try:
        for waiters in (1, 16, 64):
            count = max(200, records // 5) if waiters == 1 else records
            rows.append({"log": "imagegate", **asyncio.run(drive(log.append, waiters, count))})
            rows.append({"log": "one commit each", **asyncio.run(drive(baseline, waiters, count))})
            rows.append({"log": "no log", **asyncio.run(only_the_queue(waiters, count))})
    finally:
        log.close()
        close_baseline()
    version = sqlite3.sqlite_version
    steps = {**parts(), **commit_us(folder)}
    return {"sqlite": version, "fdatasync_us": sync_us(folder), "parts_us": steps, "scenarios": rows}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument(
        "--folder", type=Path, default=None, help="on the disk to measure (default: the temporary one)"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(Path(folder), options.records)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(f"sqlite {found['sqlite']}, fdatasync {found['fdatasync_us']} µs")
    for name, cost in found["parts_us"].items():
        print(f"  {name:<24}{cost:>8} µs")
    for row in found["scenarios"]:
        print(
            "  ".join(f"{key} {value:>8}" if key != "log" else f"{value:<16}" for key, value in row.items())
        )


if __name__ == "__main__":
    main()
