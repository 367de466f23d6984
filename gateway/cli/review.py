"""`imagegate review`: what an operator does about the review database while no server runs.

Duty: parse, call, print.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from gateway.cli.options import ConfigOption, DataOption, settings_from
from gateway.cli.printing import say

if TYPE_CHECKING:
    from gateway.service.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The database of reviewers: make it again from the log.")


@app.callback()
def root() -> None:
    """The database of reviewers."""


@app.command()
def rebuild(config: ConfigOption = None, data: DataOption = None) -> None:
    """Make requests, cases, acts and held requests' states again from the log, from its first record on.

    Stop the server first. Kept pictures, locks, sessions and what waits to be sent stay as they are.

    Examples:

    - `imagegate review rebuild`
    """
    import asyncio

    taken = asyncio.run(_rebuilt(settings_from(config, data)))
    say(f"read {taken} records; the review database is as they say")


async def _rebuilt(settings: Settings) -> int:
    from gateway.audit.opening import WriterLock
    from gateway.audit.reader import AuditReader
    from gateway.audit.sealing import Sealer
    from gateway.review.follow import Follower
    from gateway.review.store import NAME, ReviewStore
    from gateway.service.wiring import audit_settings

    audit = audit_settings(settings)
    lock = WriterLock(audit.lock)
    try:
        sealer = Sealer.from_file(audit.sealing_key, may_create=False)
        reader = AuditReader(audit.database, sealer)
        store = ReviewStore.open(settings.review.file or audit.folder / NAME)
        try:
            return await Follower(store, reader, sealer).rebuild()
        finally:
            store.close()
            reader.close()
    finally:
        lock.release()
