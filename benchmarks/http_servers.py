"""What HTTP servers bound by themselves: transport attacks on a bare application, and CPU for a request.

    python benchmarks/http_servers.py [SERVER …]

Servers that are not installed are left out: `pip install hypercorn granian` into an environment of its own,
beside this project's requirements. Each is started as its documentation says, with every limit that it has
to what our door uses. The attacks stand in benchmarks/door_attacks.py; traffic goes to 127.0.0.1 only.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import door_attacks as attacks

HERE = Path(__file__).resolve()
LARGE_BYTES = 20_000_000
REQUESTS = 5_000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """`/large` answers 20 MB, everything else a few bytes; a body is read to its end."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    body = b"x" * LARGE_BYTES if scope["path"] == "/large" else b'{"status":"ok"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def commands(port: int) -> dict[str, tuple[str, list[str]]]:
    """Server → the package that it needs, and how it is started on a port."""
    python, where = sys.executable, f"127.0.0.1:{port}"
    uvicorn = [python, "-m", "uvicorn", "http_servers:app", "--port", str(port), "--no-access-log",
               "--log-level", "critical", "--timeout-keep-alive", "75", "--loop", "uvloop"]  # fmt: skip
    return {
        "uvicorn, httptools": ("uvicorn", [*uvicorn, "--http", "httptools"]),
        "uvicorn, h11": ("uvicorn", [*uvicorn, "--http", "h11", "--h11-max-incomplete-event-size", "16384"]),
        "hypercorn": (
            "hypercorn",
            [python, "-m", "hypercorn", "http_servers:app", "--bind", where, "-k", "uvloop", "--log-level",
             "critical", "--read-timeout", "10", "--keep-alive", "75"],
        ),
        "granian": (
            "granian",
            [python, "-m", "granian", "http_servers:app", "--interface", "asgi", "--port", str(port),
             "--loop", "uvloop", "--http", "1", "--no-ws", "--no-log", "--http1-buffer-size", "16384",
             "--http1-header-read-timeout", "10000", "--backpressure", "1000"],
        ),
        "ours: uvicorn with gateway.door": ("gateway", [python, str(HERE), "--door", str(port)]),
    }  # fmt: skip


def serve_door(port: int) -> None:
    """The same application behind our protocol."""
    import functools

    import uvicorn

    from gateway.door.limits import DoorLimits
    from gateway.door.protocol import DoorProtocol
    from gateway.door.register import Door
    from gateway.service.settings import DoorSettings

    door = Door(DoorLimits.of(DoorSettings(), 65536), on_closed=lambda _: None)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            import asyncio

            await super().startup(sockets)
            door.watch(asyncio.get_running_loop())

    protocol: Any = functools.partial(DoorProtocol, door=door)
    config = uvicorn.Config(app, http=protocol, ws="none", lifespan="off", port=port, log_level="critical")
    Server(config).run()


def family(pid: int) -> list[int]:
    """The process and its children."""
    own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in own for each in family(int(child)))]


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Resident memory of a process and its children."""
    return (
        sum(
            int(Path(f"/proc/{one}/status").read_text().split(f"{what}:")[1].split()[0])
            for one in family(pid)
        )
        / 1024
    )


def cpu_s(pid: int) -> float:
    """User and system time of a process and its children, seconds."""
    total = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_S


def ask_many(port: int) -> None:
    """Many requests on one connection, one after the other."""
    request = attacks.head("GET", "/")
    with attacks.connect(port) as one:
        for _ in range(REQUESTS):
            one.sendall(request)
            seen = b""
            while b'"ok"}' not in seen:
                seen += one.recv(65536)


def unread(port: int) -> str:
    """40 answers of 20 MB asked for; nothing is read for 45 s."""
    with contextlib.ExitStack() as held:
        open_ones = [held.enter_context(attacks.connect(port, receives=4096)) for _ in range(40)]
        for one in open_ones:
            one.sendall(attacks.head("GET", "/large"))
        time.sleep(45)
        closed = 0
        for one in open_ones:
            with contextlib.suppress(OSError):
                one.settimeout(0.2)
                one.sendall(b"x")
                time.sleep(0.02)
                one.sendall(b"x")
                continue
            closed += 1
        return f"{closed} of 40 cut off"


ATTACKS = {
    "endless headers": attacks.endless_headers,
    "one header": attacks.one_header,
    "pipelining": attacks.pipelining,
    "silent": attacks.silent,
    "dripping heads": attacks.dripping_heads,
    "unread": unread,
}


@contextlib.contextmanager
def started(command: list[str], port: int) -> Any:
    """The server, up; killed with its children at the end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE.parents[1])])}
    process = subprocess.Popen(command, env=environment, start_new_session=True, cwd=HERE.parent)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), attacks.connect(port) as one:
                one.sendall(attacks.head("GET", "/"))
                if attacks.answer(one).startswith("HTTP/1.1 200"):
                    break
            time.sleep(0.1)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def measure(command_of: Any) -> str:
    """One server's row of the table."""
    cells = []
    for attack in ATTACKS.values():
        port = free_port()
        with started(command_of(port), port) as pid:
            rest_mb = memory_mb(pid)
            for one in family(pid):
                Path(f"/proc/{one}/clear_refs").write_text("5")
            began = time.perf_counter()
            seen = attack(port)
            took_s = time.perf_counter() - began
            cells.append(f"{seen}; +{memory_mb(pid, 'VmHWM') - rest_mb:.0f} MB, {took_s:.0f} s")
            print(f"    {cells[-1]}", file=sys.stderr, flush=True)
    port = free_port()
    with started(command_of(port), port) as pid:
        ask_many(port)
        before_s = cpu_s(pid)
        ask_many(port)
        cells.append(f"{(cpu_s(pid) - before_s) / REQUESTS * 1e6:.0f} µs")
    return " | ".join(cells)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("servers", nargs="*")
    parser.add_argument("--door", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.door:
        serve_door(arguments.door)
        return
    print(f"| server | {' | '.join(ATTACKS)} | CPU a request |")
    print("|---" * (len(ATTACKS) + 2) + "|", flush=True)
    for name, (package, _) in commands(0).items():
        wanted = not arguments.servers or any(name.startswith(one) for one in arguments.servers)
        if wanted and importlib.util.find_spec(package) is not None:
            row = measure(lambda port, name=name: commands(port)[name][1])
            print(f"| {name} | {row} |", flush=True)


if __name__ == "__main__":
    main()
