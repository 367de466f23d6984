"""The micro-batcher: many callers, one classifier, one worker thread.

Duty: gather what waits into batches (`waiting` says whose turn it is), run the classifier in its own thread,
check what it returned, and give every caller its own answer or its own error. An item's time begins when its
batch does: how long it may wait is the caller's business. It knows no policy and no model library.

There is no timer: the worker drains what waits the moment it is free, so an idle classifier answers at once
and a busy one batches by itself. Nothing hangs: a full queue, a dead worker and a closed batcher all answer
at once with a `Failure`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from classifiers.checking import Answer, checked, checked_spans
from classifiers.protocol import Classifier, ClassifierCard, Closable, Interruptible, Locatable, Warmable
from classifiers.signals import Failure, FailureKind, Signal, Span
from classifiers.waiting import Line, Turn, current_turn

MAX_BATCH: Final = 16
MAX_BATCH_CHARS: Final = 16_000
"""A text beyond it is a batch of its own: who waits for a short one waits for one long text, not for many."""
QUEUE_LIMIT: Final = 256


class ClassifierFailed(Exception):
    """A classifier gave no measurement; `failure` says why, and never holds the content judged."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.classifier}: {failure.kind} {failure.detail}".rstrip())
        self.failure = failure


class BatcherClosed(Exception):
    """`close` was called, so `start` can't be."""


@dataclass(slots=True, eq=False)
class _Ticket:
    """One item that waits, and the future of the loop that waits for it.

    With `edges` it asks for spans, else for signals.
    """

    item: Any
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[tuple[Any, ...]]
    turn: Turn
    edges: Mapping[str, float] | None = None
    outcome: Answer | None = field(default=None)
    begun: float | None = None
    """When its batch began, by the monotonic clock."""

    @property
    def chars(self) -> int:
        return len(self.item) if isinstance(self.item, str) else 0

    @property
    def alone(self) -> bool:
        return self.edges is not None

    @property
    def gone(self) -> bool:
        return self.future.done()

    def deliver(self) -> None:
        """Hand the outcome over; runs in the waiter's loop. A waiter that went away is left alone."""
        if self.future.done():
            return
        if isinstance(self.outcome, Failure):
            self.future.set_exception(ClassifierFailed(self.outcome))
        elif self.outcome is not None:
            self.future.set_result(self.outcome)


class MicroBatcher:
    """Batches the calls of any number of coroutines, in any number of event loops, for one classifier.

    `max_batch` caps a batch (items); `queue_limit` caps what waits (items) and beyond it `submit` refuses.
    The thread starts with `start`, or with the first `submit`.
    """

    def __init__(
        self, classifier: Classifier, *, max_batch: int = MAX_BATCH, queue_limit: int = QUEUE_LIMIT
    ) -> None:
        if max_batch < 1 or queue_limit < 1:
            raise ValueError("max_batch and queue_limit must be at least 1")
        self._classifier = classifier
        self._card = classifier.card
        self._max_batch = max_batch
        self._queue_limit = queue_limit
        self._waiting: Line[_Ticket] = Line()
        self._in_flight: list[_Ticket] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._dead: Failure | None = None
        self._warm = threading.Event()
        self._warmup_failure: BaseException | None = None

    @property
    def classifier(self) -> Classifier:
        """The classifier behind this batcher."""
        return self._classifier

    @property
    def card(self) -> ClassifierCard:
        """The card of the classifier behind this batcher."""
        return self._card

    @property
    def alive(self) -> bool:
        """True while the worker can take an item: started (or ready to be), not dead, not closed."""
        with self._changed:
            if self._dead is not None or self._closing:
                return False
            return self._thread is None or self._thread.is_alive()

    async def start(self) -> None:
        """Start the worker and wait until the classifier is warm.

        Raises:
            ClassifierFailed: `warmup` raised; the worker is dead from then on. The cause is chained.
            BatcherClosed: after `close`.
        """
        with self._changed:
            if self._closing:
                raise BatcherClosed(self._card.name)
            self._ensure_thread()
        await asyncio.get_running_loop().run_in_executor(None, self._warm.wait)
        if self._warmup_failure is not None:
            assert self._dead is not None
            raise ClassifierFailed(self._dead) from self._warmup_failure

    async def submit(self, item: Any, timeout_s: float | None = None) -> tuple[Signal, ...]:
        """Return the signals of this one item, in the classifier's order.

        `timeout_s` bounds the classifier's work on the item's batch; waiting for it is not counted.
        Cancelling the caller drops the item if its batch has not begun, and harms no other item.

        Raises:
            ClassifierFailed: with `OVERLOADED` (queue full), `WORKER_DEAD` (dead or closed), `TIMEOUT`,
                `EXCEPTION` or `INVALID_OUTPUT`; the first two at once.
        """
        return await self._answered(item, timeout_s=timeout_s)

    async def locate(self, text: str, edges: Mapping[str, float]) -> tuple[Span, ...]:
        """Return what to leave out of a text, see `Locatable.locate`; nothing from a classifier that can't.

        Waits, fails and is cancelled as `submit`.
        """
        if not isinstance(self._classifier, Locatable):
            return ()
        return await self._answered(text, edges)

    async def _answered(
        self, item: Any, edges: Mapping[str, float] | None = None, timeout_s: float | None = None
    ) -> tuple[Any, ...]:
        loop = asyncio.get_running_loop()
        ticket = _Ticket(item, loop, loop.create_future(), current_turn(), edges)
        with self._changed:
            if self._dead is not None:
                raise ClassifierFailed(self._dead)
            if self._closing:
                raise ClassifierFailed(self._failure(FailureKind.WORKER_DEAD, "closed"))
            if len(self._waiting) >= self._queue_limit:
                raise ClassifierFailed(self._failure(FailureKind.OVERLOADED))
            self._ensure_thread()
            self._waiting.add(ticket)
            self._changed.notify()
        if timeout_s is None:
            return await ticket.future
        patience = _Patience(ticket, timeout_s, self._failure(FailureKind.TIMEOUT))
        try:
            return await ticket.future
        finally:
            patience.end()

    def close(self, timeout_s: float = 10.0) -> None:
        """Refuse new items, answer what waits, close the classifier, end the thread. Idempotent.

        Blocks up to `timeout_s`; a classifier that hangs longer is left to its daemon thread, and its
        waiters are failed with `WORKER_DEAD`.
        """
        with self._changed:
            self._closing = True
            thread = self._thread
            self._changed.notify_all()
        if thread is None:
            if isinstance(self._classifier, Closable):
                self._classifier.close()
                self._thread = threading.Thread(target=lambda: None)  # closed once is closed
            return
        if thread is threading.current_thread() or not thread.ident:
            return
        thread.join(timeout_s)
        if thread.is_alive():
            self._die("hung at close")

    def _ensure_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name=f"classifier-{self._card.name}", daemon=True
            )
            self._thread.start()

    def _run(self) -> None:
        try:
            self._warm_up()
            while batch := self._take():
                self._serve(batch)
                with self._changed:
                    self._in_flight = []
            if isinstance(self._classifier, Closable):
                self._classifier.close()
        except BaseException as error:  # noqa: BLE001 - boundary: a dying worker must free its waiters
            # Even SystemExit and MemoryError end here: a thread that dies silently would hang its waiters.
            if not self._warm.is_set():
                self._warmup_failure = error
            self._die(type(error).__name__)
        finally:
            self._warm.set()

    def _warm_up(self) -> None:
        if isinstance(self._classifier, Warmable):
            self._classifier.warmup()
        self._warm.set()

    def _take(self) -> list[_Ticket]:
        """Wait for work; return up to `max_batch` live tickets, or an empty list at the end."""
        with self._changed:
            while True:
                batch = self._waiting.batch(self._max_batch, MAX_BATCH_CHARS)
                if batch:
                    self._begin(batch, batch)
                    return batch
                if self._closing or self._dead is not None:
                    return []
                self._changed.wait()

    def _serve(self, batch: list[_Ticket]) -> None:
        outcomes: Sequence[Answer]
        try:
            outcomes = self._asked(batch)
        except Exception as error:  # noqa: BLE001 - boundary: whatever an adapter raises reaches every waiter
            # The class name only: an error's message may quote the text that was judged.
            outcomes = [self._failure(FailureKind.EXCEPTION, type(error).__name__)] * len(batch)
        for ticket, outcome in zip(batch, outcomes, strict=True):
            ticket.outcome = outcome
        _wake(batch)

    def _asked(self, batch: list[_Ticket]) -> Sequence[Answer]:
        """What the classifier answers to a batch, checked; a question for spans is a batch of its own."""
        first = batch[0]
        if first.edges is not None and isinstance(self._classifier, Locatable):
            return [checked_spans(self._card, self._classifier.locate(first.item, first.edges), first.item)]
        items = [ticket.item for ticket in batch]
        if first.turn.bulk and isinstance(self._classifier, Interruptible):
            answers = self._classifier.classify_in_steps(items, lambda: self._let_pass(batch))
        else:
            answers = self._classifier.classify(items)
        return checked(self._card, answers, items)

    def _let_pass(self, bulk: list[_Ticket]) -> None:
        """Serve one batch that is more urgent than the bulk one under way, whose time then stands still."""
        with self._changed:
            urgent = self._waiting.urgent(self._max_batch, MAX_BATCH_CHARS)
            self._begin([*bulk, *urgent], urgent)
        if not urgent:
            return
        begun = time.monotonic()
        self._serve(urgent)
        took_s = time.monotonic() - begun
        with self._changed:
            self._in_flight = bulk
            for ticket in bulk:
                ticket.begun = (ticket.begun or begun) + took_s

    def _begin(self, in_flight: list[_Ticket], batch: Sequence[_Ticket]) -> None:
        self._in_flight = in_flight
        for ticket in batch:
            ticket.begun = time.monotonic()

    def _die(self, detail: str) -> None:
        with self._changed:
            if self._dead is None:
                self._dead = self._failure(FailureKind.WORKER_DEAD, detail)
            stranded = [*self._in_flight, *self._waiting.clear()]
            self._in_flight = []
            for ticket in stranded:
                if ticket.outcome is None:
                    ticket.outcome = self._dead
        _wake(stranded)

    def _failure(self, kind: FailureKind, detail: str = "") -> Failure:
        return Failure(self._card.name, kind, detail)


class _Patience:
    """Fails a ticket once its batch has run for `timeout_s`; looks again as long as it has not begun."""

    def __init__(self, ticket: _Ticket, timeout_s: float, failure: Failure) -> None:
        self._ticket = ticket
        self._timeout_s = timeout_s
        self._failure = failure
        self._timer = ticket.loop.call_later(timeout_s, self._look)

    def end(self) -> None:
        """The ticket is answered, or nobody waits for it."""
        self._timer.cancel()

    def _look(self) -> None:
        begun = self._ticket.begun
        left_s = self._timeout_s - (0 if begun is None else time.monotonic() - begun)
        if left_s > 0:
            self._timer = self._ticket.loop.call_later(left_s, self._look)
        elif not self._ticket.future.done():
            self._ticket.future.set_exception(ClassifierFailed(self._failure))


def _wake(tickets: Sequence[_Ticket]) -> None:
    """Deliver to every waiter, with one wake-up per event loop; a loop that closed meanwhile is skipped."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Ticket]] = {}
    for ticket in tickets:
        by_loop.setdefault(ticket.loop, []).append(ticket)
    for loop, mine in by_loop.items():
        try:
            loop.call_soon_threadsafe(_deliver_all, mine)
        except RuntimeError:
            continue  # the loop is closed: nobody waits there any more


def _deliver_all(tickets: Sequence[_Ticket]) -> None:
    for ticket in tickets:
        ticket.deliver()
