"""The bounded queue between callers and the writer: first in, first out, full or shut at once. No storage.

A record that nobody waits for yet may gather others for `LINGER_S`; once somebody waits there is no timer.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Final

from gateway.audit.record import Entry
from gateway.core.errors import AuditUnavailable
from gateway.core.ports import Receipt

LINGER_S: Final = 0.1
"""How long records may lie in the queue while nobody waits for them, seconds."""


class Promise(Future[Receipt]):
    """The future of a record: to begin waiting for it calls `hurry`. It can't be cancelled."""

    def __init__(self, hurry: Callable[[], None]) -> None:
        super().__init__()
        self._hurry = hurry
        self.set_running_or_notify_cancel()

    def result(self, timeout: float | None = None) -> Receipt:
        """As the base class."""
        if not self.done():
            self._hurry()
        return super().result(timeout)

    def add_done_callback(self, fn: Callable[[Future[Receipt]], object]) -> None:
        """As the base class."""
        self._hurry()
        super().add_done_callback(fn)


@dataclass(slots=True)
class Waiting:
    """An entry and who waits for it (nobody, for the log's own records)."""

    entry: Entry
    future: Future[Receipt] | None

    def resolve(self, receipt: Receipt) -> None:
        """Tell the waiter that the record is durable."""
        if self.future is not None:
            self.future.set_result(receipt)

    def fail(self, reason: str, cause: BaseException | None = None) -> None:
        """Tell the waiter that it is not; an error of its own each, since raising one writes into it."""
        if self.future is not None:
            error = AuditUnavailable(reason, retry_after_s=1.0)
            error.__cause__ = cause
            self.future.set_exception(error)


class Inbox:
    """What waits to be written, at most `limit` entries."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Waiting] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._idle = self._lingering = self._hurried = False
        self._refusal: str | None = None
        self._closed = False

    @property
    def refusal(self) -> str | None:
        """Why nothing is taken, or None."""
        return self._refusal

    def check(self) -> None:
        """Refuse before any work is done for a record that can't be taken.

        Raises:
            AuditUnavailable: shut or full.
        """
        if self._refusal is not None:
            raise AuditUnavailable(self._refusal, retry_after_s=1.0)
        if len(self._waiting) >= self._limit:
            raise AuditUnavailable("the audit queue is full", retry_after_s=1.0)

    def put(self, waiting: Waiting) -> None:
        """Add at the end.

        Raises:
            AuditUnavailable: shut or full.
        """
        with self._changed:
            self.check()
            self._waiting.append(waiting)
            if self._idle:
                self._changed.notify()

    def hurry(self) -> None:
        """Have what is queued drained at once: somebody waits for it."""
        if self._hurried:  # not reset before all that is queued now was taken
            return
        with self._changed:
            self._hurried = True
            if self._lingering:
                self._changed.notify()

    def drain(self, most: int, timeout_s: float) -> list[Waiting] | None:
        """Take what is there, waiting up to `timeout_s` for the first; None once closed and empty."""
        with self._changed:
            if not self._waiting and not self._closed and timeout_s > 0:
                self._idle = True
                self._changed.wait(timeout_s)
                self._idle = False
            if self._closed and not self._waiting:
                return None
            if self._waiting and len(self._waiting) < most and not (self._hurried or self._closed):
                self._lingering = True
                self._changed.wait(LINGER_S)
                self._lingering = False
            taken = list(islice(self._waiting, most))
            for _ in taken:
                self._waiting.popleft()
            self._hurried = self._hurried and bool(self._waiting)
            return taken

    def shut(self, reason: str) -> list[Waiting]:
        """Refuse from now on, and hand out what waited, for it to be failed."""
        with self._changed:
            self._refusal = reason
            waiting = list(self._waiting)
            self._waiting.clear()
            return waiting

    def reopen(self) -> None:
        """Take entries again, unless it was closed."""
        with self._changed:
            if not self._closed:
                self._refusal = None

    def close(self) -> None:
        """Refuse from now on; what waits is still drained."""
        with self._changed:
            self._closed = True
            self._refusal = self._refusal or "the audit log is closed"
            self._changed.notify()

    def wait_closed(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` for `close`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, timeout_s)
