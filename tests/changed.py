"""Print the tests that belong to what changed since a branch: the quick loop's choice, run by `make quick`.

Duty: changed paths → test folders and files, by the rule that tests/unit mirrors the packages. Runs nothing.
The tests of the house itself (tree and docs) are always among them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALWAYS = ("tests/unit/tree", "tests/docs")
MIRRORS = {
    "classifiers": "tests/unit/classifiers",
    "classifiers/image": "tests/unit/classifiers_image",
    "policies": "tests/unit/policies",
    "training/prompt_safety": "tests/unit/prompt_training",
}


def mirrored(changed: Iterable[str]) -> list[str]:
    """Return the test folders and files of these paths (relative, with `/`), each once, sorted."""
    chosen = set(ALWAYS)
    for path in changed:
        name = path.rpartition("/")[2]
        if path.startswith("tests/") and name.startswith("test_") and name.endswith(".py"):
            chosen.add(path)
        elif path.startswith("gateway/") and path.count("/") > 1:
            chosen.add(f"tests/unit/{path.split('/')[1]}")
        else:
            fitting = [folder for folder in MIRRORS if path.startswith(f"{folder}/")]
            chosen.update(MIRRORS[folder] for folder in sorted(fitting)[-1:])
    return sorted(found for found in chosen if (ROOT / found).exists())


def _changed_since(branch: str) -> list[str]:
    """Paths that differ from where this branch left the other, and new files that git does not ignore."""
    base = _git("merge-base", "HEAD", branch)
    differing = _git("diff", "--name-only", base[0]) if base else []
    return [*differing, *_git("ls-files", "--others", "--exclude-standard")]


def _git(*arguments: str) -> list[str]:
    ran = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.stdout.split("\n")[:-1] if ran.returncode == 0 else []


if __name__ == "__main__":
    print(" ".join(mirrored(_changed_since(sys.argv[1]))))  # noqa: T201 - its output is the command line
