"""The command line over scripted parts, run in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Cli
from support.plugins import install_plugins, write_config


@pytest.fixture
def make_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Cli]:
    install_plugins(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda **settings: Cli(tmp_path, write_config(tmp_path, **settings))


@pytest.fixture
def cli(make_cli: Callable[..., Cli]) -> Cli:
    return make_cli()
