"""What the gate costs: CPU per request in front of an instant image server, beside a plain pass-through.

    python benchmarks/gate.py [--requests 1500] [--rounds 3] [--clients 1,16,64]

Five processes on loopback: an image server that answers at once with one PNG of 64 kB; a plain FastAPI and
httpx pass-through; a bare ASGI function that hands the bytes on, the floor; the gate with one pattern as its
only classifier and a durable log ("without judging"); and the gate with embedded text judging (`JUDGES`), 30
rules and a durable log. Only their CPU time is counted (user + system of the whole process, read from /proc),
so the load generator does not matter.
The ratio to the pass-through of the same run is what travels between machines. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fastapi import Request

PICTURE_BYTES = 64 * 1024
JUDGES = ("wordlist", "prompt-safety", "minor-cues", "language")
PROMPTS = [
    "a red apple on a wooden table, soft light",
    "a lighthouse at dusk, oil painting",
    "portrait of an old fisherman, 50mm, film grain",
    "isometric city block, pastel colours, highly detailed",
    "a killer whale jumping out of the sea",
    "kitchen knife on a cutting board with tomatoes",
    "sexy red sports car in front of a villa",
    "a nurse helping a patient in a bright hospital room",
]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def picture() -> bytes:
    """One real 512 × 512 PNG, padded with an ancillary chunk to 64 kB."""
    import struct
    import zlib

    import numpy as np

    from gateway.core.requests import OutputFormat
    from gateway.imaging.encode import encode

    plain = encode(np.full((512, 512, 3), 200, np.uint8), OutputFormat.PNG)
    body = b"x" * (PICTURE_BYTES - len(plain) - 12)
    chunk = struct.pack(">I", len(body)) + b"teXt" + body + struct.pack(">I", zlib.crc32(b"teXt" + body))
    return plain[:-12] + chunk + plain[-12:]


# --- the servers -------------------------------------------------------------------------------------------


def serve_images(port: int) -> None:
    from aiohttp import web

    reply = json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(picture()).decode()}]}).encode()

    async def images(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=reply, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/images/generations", images)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


def serve_passthrough(port: int, upstream: int) -> None:
    import httpx
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()
    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=128))

    @app.post("/v1/images/generations")
    async def images(request: Request) -> dict[str, object]:
        url = f"http://127.0.0.1:{upstream}/v1/images/generations"
        answer = await client.post(url, json=await request.json())
        return answer.json()  # type: ignore[no-any-return]

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def serve_floor(port: int, upstream: int) -> None:
    """The same transport with nothing in it: one ASGI function that hands bytes on through aiohttp."""
    import aiohttp
    import uvicorn

    url = f"http://127.0.0.1:{upstream}/v1/images/generations"
    sessions: list[aiohttp.ClientSession] = []
    as_json = {"Content-Type": "application/json"}

    async def hand_on(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if not sessions:
            sessions.append(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        body = (await receive())["body"]
        async with sessions[0].post(url, data=body or b"{}", headers=as_json) as answer:
            picture = await answer.read()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(picture))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": picture})

    uvicorn.run(
        hand_on,
        host="127.0.0.1",
        port=port,
        log_level="error",
        access_log=False,
        lifespan="off",
        loop="uvloop",
        http="httptools",
    )


def serve_gate(port: int, upstream: int, folder: Path, *, judging: bool) -> None:
    import uvloop

    from classifiers.native_memory import bound_heap
    from gateway.api.app import create_app
    from gateway.door.server import DoorServer
    from gateway.service.collection import settle
    from gateway.service.settings import load_settings
    from gateway.service.wiring import build

    config = folder / "imagegate.yaml"
    (folder / "policies").mkdir(parents=True, exist_ok=True)
    (folder / "policies" / "bench.yaml").write_text(policy_text(judging=judging))
    classifiers = (
        {name: {"type": name} for name in JUDGES}
        if judging
        else {
            "patterns": {
                "type": "patterns",
                "options": {"patterns": [{"name": "p", "pattern": "zzqq+", "category": "custom/bench"}]},
            }
        }
    )
    config.write_text(
        json.dumps(
            {
                "data": str(folder),
                "policies": {"default": "bench", "folder": str(folder / "policies")},
                "server": {"max_concurrent": 64, "max_queued": 256},
                "classifiers": classifiers,
                "rewriter": None,
                "default_generator": "mock",
                "generators": {
                    "mock": {
                        "type": "openai",
                        "options": {"base_url": f"http://127.0.0.1:{upstream}/v1", "model": "mock"},
                    }
                },
            }
        )
    )

    def dump_threads(*_: object) -> None:
        names = {thread.native_id: thread.name for thread in threading.enumerate()}
        rows: dict[str, float] = {}
        for task in Path("/proc/self/task").iterdir():
            stat = (task / "stat").read_text().rsplit(")", 1)[1].split()
            name = names.get(int(task.name), "native threads of libraries")
            rows[name] = rows.get(name, 0.0) + (int(stat[11]) + int(stat[12])) / TICKS_PER_S
        (folder / "threads.json").write_text(json.dumps(rows))

    signal.signal(signal.SIGUSR1, dump_threads)

    async def serve() -> None:
        """As `imagegate serve` does it."""
        service = build(load_settings(config))
        await service.start()
        settle()
        app = create_app(service, metrics=service.metrics)
        listener = socket.create_server(("127.0.0.1", port))
        await DoorServer(app, log_level="error").serve(sockets=[listener])

    bound_heap()
    uvloop.run(serve())


def policy_text(*, judging: bool) -> str:
    """A policy of 30 rules that block nothing of the benchmark's prompts, without an image stage."""
    names = list(JUDGES) if judging else ["patterns"]
    rules = "".join(
        f"      - id: rule-{number}\n        when: {condition}\n"
        "        action: block\n        reason: Not allowed here.\n"
        for number, condition in enumerate(conditions() if judging else [_at_least("custom/bench", "high")])
    )
    used = "".join(f"      - {{name: {name}, timeout_ms: 5000, on_failure: block}}\n" for name in names)
    return (
        "name: bench\ndescription: Benchmark.\nowner: benchmarks\n"
        "bands:\n  default: {low: 0.9, medium: 0.95, high: 0.99}\nrewrite: {mode: 'off'}\n"
        f"stages:\n  prompt:\n    classifiers:\n{used}    rules:\n{rules}"
        "  image:\n    skip: {reason: measured without pictures, date: 2026-11-23}\n"
    )


def conditions() -> list[str]:
    """Thirty conditions of which none implies another: on one, two and three categories."""
    categories = ["violence", "hate", "harassment", "self-harm", "sexual", "illicit"]
    singles = [_at_least(category, "high") for category in categories]
    pairs = [_all(pair, "medium") for pair in itertools.combinations(categories, 2)]
    triples = [_all(triple, "low") for triple in itertools.combinations(categories, 3)]
    return [*singles, *pairs, *triples[:9]]


def _at_least(category: str, severity: str) -> str:
    return f"{{category: {category}, at_least: {severity}}}"


def _all(categories: Iterable[str], severity: str) -> str:
    return f"{{all: [{', '.join(_at_least(category, severity) for category in categories)}]}}"


# --- the load ----------------------------------------------------------------------------------------------


async def load(port: int, clients: int, requests: int) -> float:
    """Send `requests` from `clients` at once; return requests per second. Every answer must be 200."""
    import aiohttp

    left = iter(range(requests))
    url = f"http://127.0.0.1:{port}/v1/images/generations"

    async def client(session: aiohttp.ClientSession) -> None:
        for number in left:
            body = {"prompt": PROMPTS[number % len(PROMPTS)], "size": "512x512"}
            async with session.post(url, json=body) as answer:
                raw = await answer.read()
                if answer.status != 200:
                    raise SystemExit(f"status {answer.status}: {raw[:300]!r}")

    started = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=clients)) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))
    return requests / (time.perf_counter() - started)


def cpu_s(pid: int) -> float:
    """User + system time of a whole process, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], path: str) -> None:
    """Wait until the server answers 200 (the gate: on its readiness, models loaded)."""
    import http.client

    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit("a server of the benchmark ended early")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", path)
            if connection.getresponse().status in {200, 404}:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("a server of the benchmark did not come up")


def threads_cpu(process: subprocess.Popen[bytes], folder: Path) -> dict[str, float]:
    target = folder / "threads.json"
    target.unlink(missing_ok=True)
    process.send_signal(signal.SIGUSR1)
    for _ in range(100):
        time.sleep(0.05)
        if target.exists() and target.read_text().endswith("}"):
            return {name: float(value) for name, value in json.loads(target.read_text()).items()}
    return {}


def run(requests: int, clients: list[int], rounds: int) -> str:
    """Measure everything in one run and return the tables as Markdown."""
    upstream = free_port()
    folder = Path(tempfile.mkdtemp(prefix="imagegate-bench-"))
    roles = {"images": (upstream, [])}
    for role in ("passthrough", "floor", "gate-plain", "gate-judging"):
        roles[role] = (free_port(), [str(upstream), str(folder / role)])
    here = [sys.executable, str(Path(__file__).resolve())]
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for role, (port, rest) in roles.items():
            processes[role] = subprocess.Popen([*here, "--role", role, str(port), *rest])
        for role, (port, _) in roles.items():
            wait_for(port, processes[role], "/readyz" if role.startswith("gate") else "/")
        return measure(roles, processes, folder, requests, clients, rounds)
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait(timeout=30)


def measure(
    roles: dict[str, tuple[int, list[str]]],
    processes: dict[str, subprocess.Popen[bytes]],
    folder: Path,
    requests: int,
    clients: list[int],
    rounds: int,
) -> str:
    servers = [role for role in roles if role != "images"]
    titles = {
        "passthrough": "FastAPI + httpx pass-through",
        "floor": "bare uvicorn + aiohttp, bytes handed on",
        "gate-plain": "gate, durable log, no model",
        "gate-judging": "gate, text judging, 30 rules, durable log",
    }
    for role in servers:
        asyncio.run(load(roles[role][0], 8, 200))
    rows = ["| server | clients | CPU ms/request | ratio | requests/s |", "|---|---|---|---|---|"]
    threads: dict[str, dict[str, float]] = {}
    for count in clients:
        figures: dict[str, list[tuple[float, float]]] = {role: [] for role in servers}
        for _ in range(rounds):
            for role in servers:
                process = processes[role]
                before_threads = threads_cpu(process, folder / role) if role.startswith("gate") else {}
                before = cpu_s(process.pid)
                rate = asyncio.run(load(roles[role][0], count, requests))
                figures[role].append(((cpu_s(process.pid) - before) / requests * 1000, rate))
                if before_threads and count == 16:
                    after = threads_cpu(process, folder / role)
                    threads[role] = {
                        name: (value - before_threads.get(name, 0.0)) / requests * 1000
                        for name, value in after.items()
                    }
        base = statistics.median(cpu for cpu, _ in figures["passthrough"])
        for role in servers:
            cpu = statistics.median(cpu for cpu, _ in figures[role])
            rate = statistics.median(rate for _, rate in figures[role])
            rows.append(f"| {titles[role]} | {count} | {cpu:.2f} | {cpu / base:.2f} | {rate:.0f} |")
    rows += ["", "Where it goes at 16 clients (CPU ms per request, by thread):", ""]
    rows += ["| thread | without judging | with judging |", "|---|---|---|"]
    names = sorted({name for role in threads.values() for name in role})
    for name in names:
        plain, judging = (threads.get(role, {}).get(name, 0.0) for role in ("gate-plain", "gate-judging"))
        if max(plain, judging) >= 0.005:
            rows.append(f"| {name} | {plain:.2f} | {judging:.2f} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default="1,16,64")
    parser.add_argument("--role", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.role:
        print(run(arguments.requests, [int(c) for c in arguments.clients.split(",")], arguments.rounds))
        return
    role, port, *rest = arguments.role
    if role == "images":
        serve_images(int(port))
    elif role == "passthrough":
        serve_passthrough(int(port), int(rest[0]))
    elif role == "floor":
        serve_floor(int(port), int(rest[0]))
    else:
        folder = Path(rest[1])
        folder.mkdir(parents=True, exist_ok=True)
        serve_gate(int(port), int(rest[0]), folder, judging=role == "gate-judging")


if __name__ == "__main__":
    main()
