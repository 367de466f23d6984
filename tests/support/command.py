"""The command `imagegate`, run in this process with one settings file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from gateway.cli.main import app


@dataclass
class Ran:
    """How a command ended."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Cli:
    """Runs `imagegate` with one settings file; `folder` is the test's own."""

    folder: Path
    config: Path

    def __call__(self, *words: str, stdin: str | None = None) -> Ran:
        ended = CliRunner().invoke(app, list(words), input=stdin)
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Ran(ended.exit_code, ended.stdout, ended.stderr)

    def at(self, *words: str, stdin: str | None = None) -> Ran:
        """Run with `--config` of this test at the end."""
        return self(*words, "--config", str(self.config), stdin=stdin)
