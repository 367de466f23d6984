"""`imagegate keys`: API keys on disk. A key is shown once; the file holds its hash."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from gateway.cli.options import ConfigOption, DataOption, JsonOption, settings_from
from gateway.cli.printing import add_row, print_json, say, show, table

DEFAULT_FILE = "api-keys.jsonl"

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")

FileOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--file", help=f"Key file; absent: the settings', else DATA/{DEFAULT_FILE}.", show_default=False
    ),
]


class RoleName(StrEnum):
    """What a key may do."""

    GENERATE = "generate"
    REVIEW = "review"
    AUDIT = "audit"
    METRICS = "metrics"
    ADMIN = "admin"


@app.command()
def add(  # noqa: PLR0917  # typer: parameters are options
    role: Annotated[RoleName, typer.Option(help="What the key may do.")] = RoleName.GENERATE,
    tenant: Annotated[str, typer.Option(help="Whose key it is; records carry it.")] = "default",
    policy: Annotated[str | None, typer.Option(help="Policy of this key; absent: the default one.")] = None,
    rate_per_minute: Annotated[
        int | None, typer.Option(min=1, help="Requests per minute; absent: any.")
    ] = None,
    file: FileOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it, once. A running server takes it within a second.

    Examples:

    - `imagegate keys add`
    - `imagegate keys add --role audit --tenant shop --rate-per-minute 60`
    """
    from gateway.api.keys import Role, add_key, create_key

    if policy is not None:
        _require_policy(policy, config, data)
    path, configured = _file(file, config, data)
    made = create_key(Role(role.value), tenant=tenant, policy=policy, rate_per_minute=rate_per_minute)
    add_key(path, made.key)
    if as_json:
        print_json({"id": made.key.id, "key": made.secret, "file": str(path)})
        return
    typer.echo(made.secret)
    say(f"id {made.key.id}, role {role.value}, tenant {tenant}; in {path}", error=True)
    say("This is the only time that the key is shown.", style="yellow", error=True)
    if not configured:
        say(f"Servers ask for keys once the settings say `keys_file: {path}`.", error=True)


@app.command("list")
def list_(
    file: FileOption = None, config: ConfigOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """List keys by id; the keys themselves are nowhere.

    Examples:

    - `imagegate keys list --file keys.jsonl --json`
    """
    from gateway.api.keys import load_keys

    path, _ = _file(file, config, data)
    keys = load_keys(path)
    columns = ("id", "role", "tenant", "policy", "rate_per_minute", "created", "revoked")
    if as_json:
        print_json({"keys": [{column: getattr(key, column) for column in columns} for key in keys]})
        return
    rows = table("id", "role", "tenant", "policy", "a minute", "created", "revoked")
    for key in keys:
        cells = [getattr(key, column) for column in columns]
        add_row(rows, [*cells[:-1], "revoked" if key.revoked else None], style="dim" if key.revoked else None)
    show(rows)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="An id from `imagegate keys list`.")],
    file: FileOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key; a running server refuses it within a second. Its line stays, for old records.

    Examples:

    - `imagegate keys revoke key_0123456789ab`
    """
    from gateway.api.keys import revoke_key
    from gateway.core.errors import NotFound

    path, _ = _file(file, config, data)
    if not revoke_key(path, key_id):
        raise NotFound("there is no key of this id; see `imagegate keys list`")
    if as_json:
        print_json({"id": key_id, "revoked": True})
    else:
        say(f"revoked {key_id}")


def _require_policy(name: str, config: Path | None, data: Path | None) -> None:
    """Raises PolicyError: a key with a policy that can't serve would be answered 503."""
    from gateway.service.wiring import build_classifiers, build_policies

    settings = settings_from(config, data)
    build_policies(settings, build_classifiers(settings)).book.get(name)


def _file(file: Path | None, config: Path | None, data: Path | None) -> tuple[Path, bool]:
    """The key file, and whether the settings name it."""
    settings = settings_from(config, data)
    path = file or settings.keys_file or settings.data / DEFAULT_FILE
    return path, path == settings.keys_file
