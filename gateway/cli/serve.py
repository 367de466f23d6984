"""`imagegate serve`: the HTTP server, one process, until a signal stops it."""

from __future__ import annotations

import asyncio
import os
import socket
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import ConfigOption, DataOption, settings_from
from gateway.cli.printing import say
from gateway.telemetry.logs import configure_logging

if TYPE_CHECKING:
    from gateway.door.limits import DoorLimits
    from gateway.service.settings import Settings


class LogLevel(StrEnum):
    """How much is logged; prompts never are."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """A line for people, or one JSON object per line."""

    PLAIN = "plain"
    JSON = "json"


def serve(  # noqa: PLR0917  # typer: parameters are options
    host: Annotated[
        str | None,
        typer.Option(help="Address to bind. Absent: the settings' (127.0.0.1).", show_default=False),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 takes a free one. Absent: 8080.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    log_level: Annotated[LogLevel, typer.Option(help="How much is logged.")] = LogLevel.INFO,
    log_format: Annotated[
        LogFormat, typer.Option(help="Lines for people, or one JSON object per line.")
    ] = LogFormat.PLAIN,
) -> None:
    """Serve the OpenAI-compatible API; prints two curl lines to try when it is ready.

    Without API keys it binds to loopback only. SIGTERM: not ready first, then accepted work is finished (at
    most `server.drain_s` seconds), then exit code 0; a second signal ends it at once. SIGHUP: the policy
    files are read again; if one is wrong, all old policies stay in force.

    Examples:

    - `imagegate serve`
    - `imagegate serve --port 9000 --data /srv/imagegate`
    - `imagegate serve --config imagegate.yaml --host 0.0.0.0` (needs `keys_file` in the settings)
    """
    settings = settings_from(config, data, server__host=host, server__port=port)
    configure_logging(level=log_level.value, json=log_format is LogFormat.JSON)
    _tell_idle_variables()
    _run(settings, log_level)


def _tell_idle_variables() -> None:
    """A mistyped variable would else be a setting that its operator believes in."""
    from gateway.service.settings import variables_without_effect

    for name in variables_without_effect(os.environ):
        say(
            f"{name} is no setting and has no effect; docs/settings.md lists them", style="yellow", error=True
        )


def _run(settings: Settings, log_level: LogLevel) -> None:
    import uvloop

    from classifiers.native_memory import bound_heap
    from gateway.api.auth import check_bind

    check_bind(settings)
    bound_heap()
    with (
        _bound(settings.server.host, settings.server.port) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(settings, listener, log_level))


async def _serve(settings: Settings, listener: socket.socket, log_level: LogLevel) -> None:
    """Load everything first, so that what is missing ends in a message and not in a half-open server."""
    from gateway.api.app import create_app
    from gateway.cli.hangup import reload_on_hangup
    from gateway.core.errors import AuditUnavailable
    from gateway.door.server import DoorServer
    from gateway.service.collection import settle, stay_small
    from gateway.service.wiring import build

    say("loading models …", error=True)
    servers: list[DoorServer] = []
    broken: list[str] = []

    def end(reason: str) -> None:
        broken.append(reason)
        for server in servers:
            server.end_soon()

    gateway = build(settings, on_log_broken=end)
    try:
        await gateway.start()
        settle()
        reload_on_hangup(gateway.reload_policies)
        app = create_app(gateway, metrics=gateway.metrics)
        servers.append(
            DoorServer(
                app, on_ready=lambda limits: _hello(listener, settings, limits), log_level=log_level.value
            )
        )
        if not broken:
            tidying = asyncio.create_task(stay_small())
            await servers[0].serve(sockets=[listener])
            tidying.cancel()
    finally:
        await gateway.close()
    if broken:
        raise AuditUnavailable(f"The server ended because the audit log takes no records: {broken[0]}.")


def _bound(host: str, port: int) -> socket.socket:
    """Take the port before anything is loaded; nobody can connect until the server listens.

    Raises:
        ConfigurationError: the address is taken or not this machine's.
    """
    from gateway.core.errors import ConfigurationError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"server.host, server.port: {host}:{port} can't be bound ({error.strerror or error}); "
            "choose another with --port"
        ) from error
    return listener


def _hello(listener: socket.socket, settings: Settings, limits: DoorLimits) -> None:
    """What the door lets in, and two lines to try."""
    fewer = limits.connections < settings.server.door.max_connections
    say(f"door: {limits.told()}", style="yellow" if fewer else None, error=True)
    host, port = listener.getsockname()[:2]
    base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    key = " -H 'Authorization: Bearer ig-…'" if settings.keys_file else ""
    json = f"{key} -H 'Content-Type: application/json' -d"
    say(f"\nimagegate is ready on {base} (API docs: {base}/docs). Try:\n", style="green")
    say(
        f'curl {base}/v1/images/generations{json} \'{{"prompt": "a red apple", "response_format": "url"}}\'\n'
    )
    say(f'curl {base}/v1/moderations{json} \'{{"input": "a red apple"}}\'\n')
    if not settings.keys_file:
        say("No API keys: only this machine can connect, and anyone on it may do everything.", style="yellow")
