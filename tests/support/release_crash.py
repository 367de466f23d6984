"""A scripted gateway that holds and releases one request, and kills itself at the n-th durable step.

`python -m support.release_crash FOLDER PHASE MARK KILL_AT` writes FOLDER/ticket once it is given out.
PHASE is `hold` or `release`: from where on steps are counted. Each commit of the review database and each
record of the log is two steps: before it, and when it is durable and nobody has heard of it yet.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.audit.log import SqliteAuditLog
from gateway.review.store import ReviewStore
from gateway.review.types import Act, ActRequest
from support.gateway import Painting, scripted_gateway
from support.reviewing import ANN


class Steps:
    """Counts durable steps once armed, and kills the process at one of them."""

    def __init__(self, kill_at: int) -> None:
        self.armed = False
        self._left = kill_at

    def step(self) -> None:
        if not self.armed:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        changed: Callable[..., Any] = ReviewStore._changed
        append = SqliteAuditLog.append

        def counted_change(store: ReviewStore, change: Any) -> Any:
            self.step()
            done = changed(store, change)
            self.step()
            return done

        def counted_append(log: SqliteAuditLog, draft: Any) -> Any:
            self.step()
            future = append(log, draft)
            future.add_done_callback(lambda _: self.step())
            return future

        ReviewStore._changed = counted_change  # type: ignore[method-assign]
        SqliteAuditLog.append = counted_append  # type: ignore[method-assign]


async def run(folder: Path, phase: str, mark: int, kill_at: int) -> None:
    steps = Steps(kill_at)
    steps.watch()
    async with scripted_gateway(folder, painting=Painting(marks=[mark])) as scripted:
        steps.armed = phase == "hold"
        prompt = "an apple" if mark == 3 else "an unsure apple"
        error = (await scripted.draw(prompt)).json()["error"]
        ticket = error["moderation"]["held"]["ticket"]
        (folder / "ticket").write_text(ticket)
        if phase == "release":
            await scripted.gateway.desk.act(ANN, ticket, ActRequest(Act.RELEASE))
            steps.armed = True
            await scripted.gateway._clerk.step()
        steps.armed = False


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
