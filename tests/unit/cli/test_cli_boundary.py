"""The command line's edge: messages instead of tracebacks, exit codes, nothing heavy too early."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest
from support.command import Cli

_HEAVY = (
    "torch",
    "transformers",
    "diffusers",
    "fastapi",
    "pydantic",
    "numpy",
    "uvicorn",
    "gateway.service.wiring",
)


def test_help_loads_nothing_heavy() -> None:
    """`imagegate --help` imports no model library and no web framework, and takes < 0.5 s of CPU."""
    code = (
        "import sys, time, resource\n"
        "from gateway.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        f"print([name for name in {_HEAVY!r} if name in sys.modules], used.ru_utime < 0.5, file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[] True"
    assert "moderate" in ran.stdout


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('{"server": {"prot": 1}}', "imagegate.yaml:1:"),
        ('{"server": {"port": "many"}}', "port"),
        ("server: [", "imagegate.yaml:1:"),
        ('{"classifiers": {"x": {"type": "none"}}}', "none"),
    ],
)
def test_wrong_settings_exit_2(cli: Cli, content: str, named: str) -> None:
    """The message names the key, or the file with line and column; JSON carries it too."""
    cli.config.write_text(content)
    ran = cli.at("models", "list")
    assert (ran.exit_code, ran.out) == (2, "")
    assert named in ran.err
    as_json = cli.at("models", "list", "--json")
    assert as_json.exit_code == 2
    assert as_json.json["error"]["code"] == "configuration"


def test_a_missing_settings_file_exits_2(cli: Cli) -> None:
    """A file that is not there is not an empty one."""
    assert cli("models", "list", "--config", str(cli.folder / "none.yaml")).exit_code == 2


def test_serving_others_without_keys_is_refused(cli: Cli) -> None:
    """Without a key file only loopback is bound; the message says how to mend it."""
    ran = cli.at("serve", "--host", "0.0.0.0")
    assert ran.exit_code == 2
    assert "imagegate keys add" in ran.err


def test_a_second_writer_is_refused(cli: Cli) -> None:
    """While another process holds the log, a local command says so and judges nothing."""
    assert cli.at("moderate", "a red apple").exit_code == 0
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from gateway.audit.log import SqliteAuditLog\nfrom gateway.audit.settings import AuditSettings\n"
        "log = SqliteAuditLog.open(AuditSettings(Path(sys.argv[1]), origin='imagegate.local/log'))\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\nlog.close()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(cli.folder / "data" / "audit")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"held\n"
        ran = cli.at("moderate", "a red apple")
        holder.stdin.close()
    assert ran.exit_code == 2
    assert "allow" not in ran.out


def test_a_corrupt_log_exits_3(cli: Cli) -> None:
    """A log rolled back behind a head that was signed and kept elsewhere starts nothing."""
    assert cli.at("moderate", "a red apple").exit_code == 0
    connection = sqlite3.connect(cli.folder / "data" / "audit" / "audit.db")
    connection.execute("DELETE FROM records")
    connection.execute("DELETE FROM checkpoints")
    connection.commit()
    connection.close()
    ran = cli.at("moderate", "a red apple", "--json")
    assert ran.exit_code == 3
    assert ran.json["error"]["code"] == "audit_corrupt"


def test_a_missing_plugin_is_named(cli: Cli) -> None:
    """A type that is not installed refuses to start and says what is."""
    (cli.folder / "site" / "scripted_parts-1.0.dist-info" / "entry_points.txt").write_text("")
    ran = cli.at("models", "list")
    assert ran.exit_code == 2
    assert "not installed" in ran.err


def test_a_defect_keeps_its_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only errors of ours become messages; anything else shows itself."""

    def broken(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("importlib.metadata.entry_points", broken)
    with pytest.raises(ZeroDivisionError):
        cli.at("models", "list", "--json")


def test_version_is_printed(cli: Cli) -> None:
    """`--version` names the package's version."""
    from gateway import __version__

    assert cli("--version").out == f"imagegate {__version__}\n"
