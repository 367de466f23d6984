"""What the default server takes: memory, time to start, and disk, each by part.

    python benchmarks/footprint.py [--requests 1000] [--clients 4]

Three things. Memory: `imagegate serve` with the embedded set, when it is ready and after so many mixed
requests (`bodies`: moderations of texts and pictures, generations, blocks, rewrites, an edit), by what lies
where. Start: the server's time to readiness, and the same parts loaded one after the other in a process of
their own, with CPU time and memory of each. Disk: the converted models in the cache folder, and every
installed package that the project needs. Run `imagegate models prepare` before, so that the cache is warm.
Linux only; a busy machine changes wall times and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

MB = 1e6
ROOT = Path(__file__).resolve().parents[1]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
WANTED = {"memory": 800, "start": 7.0, "conversions": 350}
SERVE = "from gateway.cli.main import main; main()"
HEAVY = ("torch", "transformers", "diffusers", "onnx", "scipy", "sklearn", "peft")
"""Libraries that the default server has no use for."""
LONG = (
    "A quiet harbour town at dawn, with fishing boats, lamps along the quay and gulls over wet slate roofs. "
)


# --- the requests ------------------------------------------------------------------------------------------


def bodies() -> list[tuple[str, dict[str, Any]]]:
    """Twenty requests that differ in kind, length and size, as (path, body)."""
    picture = "data:image/png;base64," + base64.b64encode(_png()).decode()
    texts: list[Any] = [
        "a red apple on a wooden table",
        LONG * 3,
        LONG * 20,
        ["a lighthouse", "a killer whale", LONG, "a nurse helping a patient"] * 2,
        "you are a worthless idiot and everybody hates you",
        "ein Leuchtturm bei Nacht, Ölgemälde auf Leinwand",
        "decode base64 YSBxdWlldCBoYXJib3VyIHRvd24gYXQgZGF3bg==",
        "a l1ghth0use at n1ght, d r a w n in c h a l k",
        "an open book and a cup of tea",
        [{"type": "image_url", "image_url": {"url": picture}}],
        [{"type": "text", "text": "a cat"}, {"type": "image_url", "image_url": {"url": picture}}],
    ]
    pictures: list[dict[str, Any]] = [
        {"prompt": "a red apple", "seed": 1},
        {"prompt": "a sailing boat on blue water", "size": "1024x1024", "seed": 2},
        {"prompt": "a cat with a hat", "n": 2, "size": "256x256", "output_format": "webp"},
        {"prompt": "a green dragon", "seed": 4, "output_format": "jpeg", "negative_prompt": "fire"},
        {"prompt": "a soldier shooting at an enemy in the street"},
        {"prompt": "an explicit nude photo of a couple"},
        {"prompt": "a house beside a lake", "size": "512x768", "response_format": "url"},
        {"prompt": "two men beating each other in front of a bar"},
    ]
    edit = {"prompt": "a yellow sun", "images": [{"image_url": picture}], "size": "512x512"}
    return [
        *(("/v1/moderations", {"input": text}) for text in texts),
        *(("/v1/images/generations", body) for body in pictures),
        ("/v1/images/edits", edit),
    ]


def _png() -> bytes:
    import numpy as np

    from gateway.core.requests import OutputFormat
    from gateway.imaging.encode import encode

    rows = np.linspace(0, 255, 512, dtype=np.uint8)
    return encode(np.stack([np.tile(rows, (512, 1))] * 3, -1).copy(), OutputFormat.PNG)


async def load(port: int, requests: int, clients: int) -> Counter[tuple[str, int]]:
    """Send the requests, `clients` at once; return how often each path gave each status."""
    import aiohttp

    left, seen, kinds = iter(range(requests)), Counter[tuple[str, int]](), bodies()

    async def client(session: aiohttp.ClientSession) -> None:
        for number in left:
            path, body = kinds[number % len(kinds)]
            async with session.post(f"http://127.0.0.1:{port}{path}", json=body) as answer:
                await answer.read()
                seen[path, answer.status] += 1

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=300)) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))
    return seen


# --- memory ------------------------------------------------------------------------------------------------


def resident(pid: int | str = "self") -> dict[str, float]:
    """`all`, `anonymous`, `files` and the highest ever, `most`, in MB."""
    status = dict(re.findall(r"^(\w+):\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
    found = {name: int(status[key]) * 1024 / MB for name, key in _STATUS.items()}
    return {"all": found["anonymous"] + found["files"], **found}


_STATUS = {"anonymous": "RssAnon", "files": "RssFile", "most": "VmHWM"}


def by_place(pid: int) -> dict[str, tuple[float, float]]:
    """What lies where → (anonymous, of files) in MB, over every mapping of the process."""
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    place = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)", line)
        if head:
            place = _place(head[1])
        elif line.startswith(("Rss:", "Anonymous:")):
            size = int(line.split()[1]) * 1024 / MB
            anonymous = line.startswith("A")
            found[place][0] += size if anonymous else 0.0
            found[place][1] += -size if anonymous else size
    return {name: (parts[0], parts[1]) for name, parts in found.items()}


def _place(path: str) -> str:
    if not path.startswith("/"):
        return "heap, stacks and other memory"
    if path.endswith((".onnx", ".safetensors", ".gguf", ".bin", ".npy", ".npz")):
        return f"file {Path(path).parent.name}/{Path(path).name}"
    package = re.search(r"site-packages/([^/]+)", path)
    return f"package {package[1].removesuffix('.libs')}" if package else "Python and the system's libraries"


def serve(requests: int, clients: int) -> Iterator[str]:
    """Start the server twice, the second time with everything warm, and load it."""
    with tempfile.TemporaryDirectory(prefix="imagegate-footprint-") as folder:
        for warm in (False, True):
            process, port, wall_s = _started(Path(folder))
            try:
                if warm:
                    yield from _figures(process.pid, port, wall_s, requests, clients)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=90)


def _started(folder: Path) -> tuple[subprocess.Popen[bytes], int, float]:
    import http.client

    from gate import free_port

    port, began = free_port(), time.monotonic()
    command = [sys.executable, "-c", SERVE, "serve", "--port", str(port), "--data", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return process, port, time.monotonic() - began
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the server ended early; `imagegate serve` tells why")


def _figures(pid: int, port: int, wall_s: float, requests: int, clients: int) -> Iterator[str]:
    cpu_s = _cpu_s(pid)
    ready = resident(pid)
    yield f"start to ready: {wall_s:.1f} s, of which CPU {cpu_s:.1f} s (wanted: {WANTED['start']:g} s)\n"
    seen = asyncio.run(load(port, requests, clients))
    after = resident(pid)
    yield "| resident memory, MB | all | anonymous | of files | most ever |\n|---|---|---|---|---|"
    for title, found in (("when ready", ready), (f"after {requests} mixed requests", after)):
        yield f"| {title} | " + " | ".join(f"{found[k]:.0f}" for k in ("all", *_STATUS)) + " |"
    yield f"\nwanted: {WANTED['memory']} MB; answers: " + ", ".join(
        f"{path} {status}: {count}" for (path, status), count in sorted(seen.items())
    )
    yield "\n| where, after the requests | anonymous, MB | of files, MB |\n|---|---|---|"
    places = sorted(by_place(pid).items(), key=lambda item: -sum(item[1]))
    for name, (anonymous, files) in places:
        if anonymous + files >= 2:
            yield f"| {name} | {anonymous:.0f} | {files:.0f} |"


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


# --- the parts ---------------------------------------------------------------------------------------------


class Steps:
    """Prints a row per part: CPU seconds and memory since the row before."""

    def __init__(self) -> None:
        self._cpu_s, self._memory = 0.0, {"anonymous": 0.0, "files": 0.0}

    def tell(self, name: str) -> None:
        cpu_s, memory = time.process_time(), resident()
        cells = (cpu_s - self._cpu_s, *(memory[k] - self._memory[k] for k in self._memory))
        print(f"| {name} | {cells[0]:.2f} | {cells[1]:.0f} | {cells[2]:.0f} |", flush=True)
        self._cpu_s, self._memory = cpu_s, {key: memory[key] for key in self._memory}


async def parts(folder: Path) -> None:
    """Load what the default server loads, in its order, a row for each."""
    steps = Steps()
    steps.tell("Python, and what this benchmark imports")
    import gateway.cli.serve
    from gateway.service.settings import load_settings

    steps.tell("the command")
    import gateway.api.app
    import gateway.door.server
    from gateway.service.wiring import build

    steps.tell("the gateway's modules")
    gateway = build(load_settings(None, {"data": folder}))
    steps.tell("settings, policies, log")
    held = gateway._parts
    from classifiers.normalize import load_tables

    load_tables()
    steps.tell("tables of words and characters")
    for name, classifier in held.classifiers.items():
        await classifier.start()
        steps.tell(name)
    for name, generator in held.generators.items():
        await generator.start()
        steps.tell(f"generator {name}")
    if held.rewriter is not None:
        await held.rewriter.start()
        steps.tell("rewriter")
    await held.rewriting.start()
    steps.tell("drift's encoder")
    print(f"\nheavy libraries imported: {', '.join(sorted(set(HEAVY) & set(sys.modules))) or 'none'}")
    await gateway.close()


# --- disk --------------------------------------------------------------------------------------------------


def conversions() -> Iterator[str]:
    """Every file of the cache folder."""
    from classifiers.weights import cache_folder

    folder = cache_folder()
    sizes = {
        path.relative_to(folder).as_posix(): path.stat().st_size / MB
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    yield "| converted model | MB |\n|---|---|"
    yield from (f"| {name} | {size:.1f} |" for name, size in sizes.items() if size >= 1)
    yield f"| all | {sum(sizes.values()):.0f} (wanted: {WANTED['conversions']}) |"


def packages() -> Iterator[str]:
    """What is installed because the project, or a package that it needs, requires it."""
    sizes = {name: _installed_mb(found) for name, found in _needed().items()}
    yield "| package | MB |\n|---|---|"
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        if size >= 10:
            yield f"| {name} | {size:.0f} |"
    yield f"| all {len(sizes)} | {sum(sizes.values()):.0f} |"


def _needed() -> Mapping[str, Distribution]:
    models = (ROOT / "requirements-models.txt").read_text().splitlines()
    waiting = ["imagegate", *(line.partition("==")[0] for line in models if line and line[0] != "#")]
    found: dict[str, Distribution] = {}
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform
        if name not in map(_requirement, models):  # the model packages' own requirements are not installed
            needs = [line for line in found[name].requires or () if "extra ==" not in line]
            waiting += [_requirement(line) for line in needs]
    return found


def _requirement(line: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", line, maxsplit=1)[0]).lower()


def _installed_mb(found: Distribution) -> float:
    files = (Path(str(found.locate_file(file))) for file in found.files or ())
    return sum(file.stat().st_size for file in files if file.is_file()) / MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--parts", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.parts is not None:
        asyncio.run(parts(arguments.parts))
        return
    for line in serve(arguments.requests, arguments.clients):
        print(line, flush=True)
    print("\n| part, loaded after those above it | CPU s | anonymous, MB | of files, MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="imagegate-footprint-") as folder:
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, "--parts", folder], check=True, stderr=subprocess.DEVNULL)
    for line in ("", *conversions(), "", *packages()):
        print(line)


if __name__ == "__main__":
    main()
