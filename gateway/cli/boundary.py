"""From errors to exit codes: 0 fine, 1 blocked or violations, 2 wrong input or settings, 3 audit log corrupt.

Duty: the command line's one edge. Errors of ours become a message, never a traceback; whatever else escapes
is a defect and shows itself as one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperGroup

from gateway.cli.options import JSON_ASKED
from gateway.cli.printing import print_json, say

BLOCKED: Final = 1
CONFIGURATION: Final = 2
CORRUPT: Final = 3


class Commands(TyperGroup):
    """The root group; every command runs inside its boundary."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; errors of ours end in a message and an exit code."""
        return _bounded(lambda: super(Commands, self).invoke(ctx), ctx)


def _bounded(run: Callable[[], Any], ctx: Any) -> Any:
    from gateway.core.errors import (
        AuditCorrupt,
        ConfigurationError,
        ContentTooLarge,
        GatewayError,
        RequestInvalid,
    )
    from policies.errors import PolicyError

    try:
        return run()
    except (ConfigurationError, PolicyError) as error:
        _tell(ctx, "configuration", str(error))
        raise typer.Exit(CONFIGURATION) from error
    except AuditCorrupt as error:
        _tell(ctx, "audit_corrupt", f"The audit log is corrupt: {error}")
        raise typer.Exit(CORRUPT) from error
    except GatewayError as error:
        named = error.param is None or error.param in error.message
        _tell(ctx, error.code, error.message if named else f"{error.message} ({error.param})")
        # A mistyped option must not look like a block to a script.
        wrong = isinstance(error, RequestInvalid | ContentTooLarge)
        raise typer.Exit(CONFIGURATION if wrong else BLOCKED) from error


def _tell(ctx: Any, code: str, message: str) -> None:
    if ctx.meta.get(JSON_ASKED):
        print_json({"error": {"code": code, "message": message}})
    else:
        say(message, style="red", error=True)
