"""What hostile clients cost a server: a row an attack, with memory, others' waiting, and the way to the end.

    python benchmarks/door.py [ATTACK …] [--embedded]

Each attack gets a fresh `imagegate serve` on 127.0.0.1 (light: one pattern, a picture server beside it; with
`--embedded` the models too, which one attack needs). Meanwhile somebody else, from another loopback address,
asks for /healthz on a new connection twenty times a second; then SIGTERM. To measure another tree put it
first: `PYTHONPATH=../other python benchmarks/door.py`. The attacks stand in benchmarks/door_attacks.py.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import door_attacks as attacks
from support.servers import Served, image_server, light_settings, running_gateway

PROBE_EVERY_S = 0.05
PROBE_FROM = "127.0.0.2"
RECORDS = 65_000
PICTURE = {"prompt": "a red apple", "size": "704x704"}


@dataclass
class Watch:
    """Memory of one process, and how long somebody else waits for /healthz on it."""

    pid: int
    port: int
    waits_s: list[float] = field(default_factory=list)
    refused: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Resident memory now, or `VmHWM`: its peak."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split(f"{what}:")[1].split()[0]) / 1024

    def forget_peak(self) -> None:
        """Begin to look for the peak now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    @contextlib.contextmanager
    def probing(self) -> Iterator[None]:
        """Ask for /healthz all the time."""
        thread = threading.Thread(target=self._probe, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join(attacks.GIVE_UP_S)

    def _probe(self) -> None:
        while not self._over.is_set():
            started, seen = time.perf_counter(), "refused"
            with contextlib.suppress(OSError), attacks.connect(self.port, PROBE_FROM) as one:
                one.sendall(attacks.head("GET", "/healthz", None, "Connection: close"))
                seen = attacks.status_of(attacks.answer(one))
            self.waits_s.append(time.perf_counter() - started)
            self.refused += seen != "200"
            time.sleep(PROBE_EVERY_S)


def light(data: Path, base_url: str) -> dict[str, Any]:
    """Settings of a server that loads no model."""
    return light_settings(base_url, data / "policies")


def many_records(data: Path) -> str:
    """Fill a log before the server starts; the id of a record in it."""
    from gateway.audit import AuditSettings, SqliteAuditLog
    from gateway.audit.record import new_id
    from gateway.core.ports import RecordDraft

    log = SqliteAuditLog.open(
        AuditSettings(data / "audit", origin="imagegate.local/log", queue_limit=RECORDS)
    )
    ids = [new_id() for _ in range(RECORDS)]
    drafts = (
        RecordDraft("access", one, {"surface": "bench", "records": []}, {}, tenant="default") for one in ids
    )
    for waiting in [log.append(draft) for draft in drafts]:
        waiting.result()
    log.close()
    return ids[RECORDS // 3]


@functools.cache
def noise(width: int, height: int) -> bytes:
    """A PNG that does not compress."""
    import numpy as np
    from PIL import Image

    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def large_picture(folder: Path) -> Path:
    """A PNG of 16.8 megapixels in some 580 kB."""
    import numpy as np
    from PIL import Image

    pixels = np.zeros((4096, 4096, 3), np.uint8)
    pixels[:440, :440] = np.random.default_rng(0).integers(0, 256, (440, 440, 3), np.uint8)
    file = folder / "large.png"
    Image.fromarray(pixels).save(file, "PNG")
    return file


def never_reads(served: Served) -> str:
    """Ten connections that each ask for ten pictures and read nothing; they stay through SIGTERM."""
    held = [attacks.ask_unread(served.port, {**PICTURE, "n": 10}) for _ in range(10)]
    served.held = held  # type: ignore[attr-defined]  # kept alive until the server has ended
    time.sleep(20)
    return f"{len(held)} × 10 pictures of {len(noise(704, 704)) / 1e6:.1f} MB asked for, none read"


def proofs(served: Served) -> str:
    """60 proofs, and a generation beside them."""
    import httpx

    record_id = served.record_id  # type: ignore[attr-defined]
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(attacks.many_proofs(served.port, record_id)))
    thread.start()
    time.sleep(0.1)
    started = time.perf_counter()
    status = httpx.post(served.url + attacks.GENERATIONS, json=PICTURE, timeout=100).status_code
    took_s = time.perf_counter() - started
    thread.join()
    return f"{seen[0]}; a generation beside them: {status} after {took_s:.2f} s"


def pictures(served: Served) -> str:
    """See `many_pictures`."""
    return attacks.many_pictures(served.port, large_picture(served.data))


@contextlib.contextmanager
def few_files(soft: int = 1024) -> Iterator[None]:
    """Start servers under the soft file limit that shells and service managers usually give."""
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)


def by_port(attack: Callable[[int], str]) -> Callable[[Served], str]:
    """An attack that needs the port alone."""
    return functools.update_wrapper(lambda served: attack(served.port), attack)  # type: ignore[return-value]


LIGHT: dict[str, Callable[[Served], str]] = {
    **{
        attack.__name__: by_port(attack)
        for attack in (
            attacks.endless_headers, attacks.one_header, attacks.pipelining, attacks.silent,
            attacks.dripping_heads, attacks.json_keys, attacks.nested_json, attacks.form_of_crumbs,
            attacks.form_of_headers, attacks.one_byte_chunks, attacks.unfinished_bodies,
        )
    },
    "never_reads": never_reads,
    "proofs": proofs,
}  # fmt: skip
EMBEDDED: dict[str, Callable[[Served], str]] = {"pictures": pictures}


def measure(name: str, attack: Callable[[Served], str], folder: Path, base_url: str) -> str:
    """Run one attack against a server of its own; a row of the table."""
    data = folder / name
    data.mkdir()
    settings = {} if name in EMBEDDED else light(data, base_url)
    record_id = many_records(data) if name == "proofs" else ""
    with running_gateway(data, settings) as served:
        served.record_id = record_id  # type: ignore[attr-defined]
        served.get("/v1/models")
        time.sleep(1)
        watch = Watch(served.process.pid, served.port)
        rest_mb = watch.memory_mb()
        watch.forget_peak()
        started = time.perf_counter()
        with watch.probing():
            seen = attack(served)
        took_s = time.perf_counter() - started
        peak_mb, after_mb = watch.memory_mb("VmHWM"), watch.memory_mb()
        stopping_s = stop(served)
    refused = f", {watch.refused} refused" if watch.refused else ""
    return (
        f"| {name} | {seen} | {rest_mb:.0f} | +{peak_mb - rest_mb:.0f} | +{after_mb - rest_mb:.0f} "
        f"| {max(watch.waits_s):.2f}{refused} | {took_s:.1f} | {stopping_s} |"
    )


def stop(served: Served) -> str:
    """SIGTERM, and how the process ended."""
    started = time.perf_counter()
    try:
        code = served.stop(signal.SIGTERM, within_s=150)
    except subprocess.TimeoutExpired:
        return "not within 150"
    return f"{time.perf_counter() - started:.1f}" + (f" (exit {code})" if code else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=", ".join([*LIGHT, *EMBEDDED]))
    parser.add_argument("--embedded", action="store_true", help="also those that need the embedded models")
    arguments = parser.parse_args()
    known = {**LIGHT, **EMBEDDED}
    names = arguments.attacks or [*LIGHT, *(EMBEDDED if arguments.embedded else ())]
    if unknown := set(names) - set(known):
        parser.error(f"there is no attack {', '.join(sorted(unknown))}")
    print(
        "| attack | what came of it | MB at rest | peak | after | worst probe, s | attack, s | SIGTERM, s |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder, image_server(picture=noise) as upstream:
        for name in names:
            print(measure(name, known[name], Path(folder), upstream.base_url), flush=True)


if __name__ == "__main__":
    main()
