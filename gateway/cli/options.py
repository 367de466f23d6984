"""Options that several commands share, and the settings that follow from them.

Duty: names, help texts and `load_settings` with the flags as overrides. It calls no part of the gateway.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

if TYPE_CHECKING:
    from gateway.service.settings import Settings

JSON_ASKED: Final = "imagegate.json"
"""Key in a click context's `meta`: true once `--json` was given, so that errors are JSON too."""


def _remember_json(context: typer.Context, asked: bool) -> bool:
    context.meta[JSON_ASKED] = asked
    return asked


ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="IMAGEGATE_CONFIG",
        help="Settings file (YAML). Absent: the embedded models with their defaults.",
        show_default=False,
    ),
]
DataOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Data folder: log, keys, pictures. Absent: the settings' (var).", show_default=False
    ),
]
JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON value instead of text.", callback=_remember_json)
]


def settings_from(config: Path | None, data: Path | None = None, **overrides: object) -> Settings:
    """Return the settings with the flags over environment and file; `server__port` means `server.port`.

    Raises:
        ConfigurationError: a file or a value is wrong.
        PolicyError: the file is not readable YAML; the message names line and column.
    """
    from gateway.service.settings import load_settings

    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    return load_settings(config, {"data": data, **dotted})


def microseconds(text: str | None, option: str) -> int | None:
    """Return an option's time in µs UTC. Raises RequestInvalid."""
    from datetime import UTC, datetime

    from gateway.core.errors import RequestInvalid

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RequestInvalid("write the time as 2026-11-23 or 2026-11-23T08:00:00Z", param=option) from error
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(zoned.timestamp() * 1_000_000)
