"""SIGHUP: a running server reads its policies again. Duty: have it done, and say what came of it."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.core.errors import GatewayError
from policies.book import ReloadReport

_log = logging.getLogger("imagegate.policies")


def reload_on_hangup(reload: Callable[[], Coroutine[Any, Any, ReloadReport]]) -> None:
    """From now on, have `reload` run on each SIGHUP, and say on standard error what came of it."""
    under_way: set[asyncio.Task[None]] = set()

    async def run() -> None:
        try:
            report = await reload()
        except GatewayError as error:
            _log.error("policies: the old ones stay in force, the log takes no record: %s", error)
            return
        if report.error is not None:
            _log.error("policies: refused, the old ones stay in force:\n%s", report.error)
            return
        changed = ", ".join(f"{ref.name}@{ref.revision[:12]}" for ref in report.changed) or "nothing new"
        removed = "".join(f"; {ref.name} is gone" for ref in report.removed)
        _log.info("policies: read again: %s%s", changed, removed)

    def on_signal() -> None:
        task = asyncio.get_running_loop().create_task(run())
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, on_signal)
