"""A wheel of this checkout, and an environment of its own that holds it: in seconds, without a network."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build(source: Path, into: Path, target: str) -> None:
    """Build the `sdist` or the `wheel` of the project at `source`, by its own build back end."""
    run([sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(into)], source)


def installed(wheel: Path, at: Path) -> Path:
    """Return the `bin` folder of a new environment that holds the wheel, beside this one's libraries."""
    run([sys.executable, "-m", "venv", "--without-pip", str(at)], at.parent)
    python = at / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--quiet"]
    run([*pip, "install", "--no-index", "--no-deps", str(wheel)], at.parent)
    # A plain path: the .pth files in there, the editable install's among them, are not followed from here.
    (site,) = (at / "lib").glob("python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def run(command: list[str], folder: Path) -> str:
    """Return what a command printed, run in `folder`; it must succeed."""
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{command}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}"
    return ran.stdout
