"""A page of docs/ as steps: files to write and commands to run, in the page's order.

A fenced block is a file when the line above it begins with the file's name in backticks, a command when it
is marked `sh`; a block right below a command, without a mark, is what that command prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(
    r"(?P<above>[^\n]*\n?\n?)^```(?P<mark>\w*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class File:
    """A file of the page."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """Lines for a shell, and the lines that the page shows as their output."""

    text: str
    shown: tuple[str, ...]


def steps(page: str) -> list[File | Command]:
    """Return the steps of docs/`page`."""
    found: list[File | Command] = []
    below: Command | None = None
    for block in _BLOCK.finditer((ROOT / "docs" / page).read_text("utf-8")):
        above, mark, text = block["above"], block["mark"], block["text"]
        name = re.match(r"`([\w./-]+)`", above)
        if not mark and below is not None and not above.strip():
            found[-1] = Command(below.text, tuple(text.splitlines()))
            below = None
        elif mark == "sh":
            below = Command(text, ())
            found.append(below)
        else:
            below = None
            if name:
                found.append(File(name[1], text))
    return found


class Reader:
    """Somebody who follows a page in an empty folder, with packages installed into `site` below it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        site = folder / "site"
        self._environment = {
            **{
                key: value
                for key, value in os.environ.items()
                if not key.startswith("IMAGEGATE_") or key == "IMAGEGATE_CACHE"
            },
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))),
            "PIP_TARGET": str(site),
            "COLUMNS": "160",
            "HF_HUB_OFFLINE": "1",
        }

    def follow(self, page: str) -> list[str]:
        """Do every step of the page; return what was missing from the output, with the command."""
        return [line for step in steps(page) for line in self._do(step)]

    def _do(self, step: File | Command) -> list[str]:
        if isinstance(step, File):
            path = self.folder / step.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text, "utf-8")
            return []
        ran = subprocess.run(
            ["bash", "-ec", step.text],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        printed = ran.stdout + ran.stderr
        for name, value in re.findall(r"^export (\w+)=(\S+)$", step.text, re.MULTILINE):
            self._environment[name] = value
        # A refusal is 1 and shown on the page; anything else that is not 0 is a broken page.
        wrong = [] if ran.returncode in (0, 1) and (ran.returncode == 0 or step.shown) else [printed]
        return wrong + [f"{step.text}lacks: {line}\n{printed}" for line in _missing(step.shown, printed)]


def _missing(shown: tuple[str, ...], printed: str) -> list[str]:
    """The shown lines that were not printed in this order; white space counts once, `…` is anything."""
    rest = [" ".join(line.split()) for line in printed.splitlines()]
    missing = []
    for line in shown:
        pattern = ".*".join(re.escape(part.strip()) for part in " ".join(line.split()).split("…"))
        at = next((i for i, one in enumerate(rest) if re.fullmatch(pattern, one)), None)
        if at is None:
            missing.append(line)
        else:
            rest = rest[at + 1 :]
    return missing
