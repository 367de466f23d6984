"""The rewriting worker batches without a timer, and nobody who waits is left hanging."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from gateway.core.errors import ConfigurationError, GatewayError, Overloaded, RewriteFailed
from gateway.rewriting.worker import Answer, BatchWorker, Ticket


class Gate:
    """A batch function that waits for `opened` and notes every batch."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[str]] = []

    def __call__(self, tickets: Sequence[Ticket[str]]) -> list[Answer]:
        self.batches.append([ticket.task for ticket in tickets])
        self.entered.set()
        assert self.opened.wait(30)
        return [ticket.task.upper() for ticket in tickets]


def _worker(run: object, *, max_batch: int = 4, queue_limit: int = 8) -> BatchWorker[str]:
    return BatchWorker("t", run, prepare=lambda: None, max_batch=max_batch, queue_limit=queue_limit)  # type: ignore[arg-type]


async def _busy(worker: BatchWorker[str], gate: Gate) -> asyncio.Task[str]:
    """A first task that occupies the worker."""
    task = asyncio.create_task(worker.submit("first"))
    await asyncio.to_thread(gate.entered.wait, 30)
    return task


async def test_what_waits_goes_into_one_batch() -> None:
    """While a batch runs, what arrives is gathered up to max_batch; each gets its own answer."""
    gate = Gate()
    worker = _worker(gate)
    await worker.start()
    first = await _busy(worker, gate)
    rest = [asyncio.create_task(worker.submit(f"p{i}")) for i in range(5)]
    await asyncio.sleep(0.01)
    gate.opened.set()
    assert [await task for task in [first, *rest]] == ["FIRST", "P0", "P1", "P2", "P3", "P4"]
    assert gate.batches == [["first"], ["p0", "p1", "p2", "p3"], ["p4"]]
    await worker.close()


async def test_a_full_queue_refuses_at_once() -> None:
    """Beyond queue_limit a submit is Overloaded with a time to retry after."""
    gate = Gate()
    worker = _worker(gate, queue_limit=1)
    await worker.start()
    first = await _busy(worker, gate)
    second = asyncio.create_task(worker.submit("second"))
    await asyncio.sleep(0.01)
    with pytest.raises(Overloaded) as caught:
        await worker.submit("third")
    assert caught.value.retry_after_s
    gate.opened.set()
    assert [await first, await second] == ["FIRST", "SECOND"]
    await worker.close()


async def test_a_cancelled_waiter_is_dropped_from_the_queue() -> None:
    """A task cancelled before its batch never reaches the model."""
    gate = Gate()
    worker = _worker(gate)
    await worker.start()
    first = await _busy(worker, gate)
    gone, kept = (asyncio.create_task(worker.submit(name)) for name in ("gone", "kept"))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.sleep(0.01)
    gate.opened.set()
    assert [await first, await kept] == ["FIRST", "KEPT"]
    assert gate.batches[1:] == [["kept"]]
    await worker.close()


async def test_who_gave_up_takes_nobody_s_place() -> None:
    """While a batch hangs, cancelled waiters count for nothing in the queue's limit."""
    gate = Gate()
    worker = _worker(gate, queue_limit=1)
    await worker.start()
    first = await _busy(worker, gate)
    gone = asyncio.create_task(worker.submit("gone"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    kept = asyncio.create_task(worker.submit("kept"))
    await asyncio.sleep(0)
    gate.opened.set()
    assert [await first, await kept] == ["FIRST", "KEPT"]
    assert gate.batches == [["first"], ["kept"]]
    await worker.close()


async def test_a_cancelled_waiter_in_a_batch_is_marked() -> None:
    """A task cancelled while its batch runs is marked, so that the model can leave its row."""
    seen: list[Ticket[str]] = []
    gate = Gate()

    def run(tickets: Sequence[Ticket[str]]) -> list[Answer]:
        seen.extend(tickets)
        return gate(tickets)

    worker = _worker(run)
    await worker.start()
    first = await _busy(worker, gate)
    first.cancel()
    await asyncio.sleep(0.01)
    assert seen[0].abandoned
    gate.opened.set()
    assert await worker.submit("next") == "NEXT"
    await worker.close()


@pytest.mark.parametrize("answers", [["one"], ["one", "two", "three"]])
async def test_a_wrong_count_fails_the_whole_batch(answers: list[str]) -> None:
    """No waiter ever gets another one's answer."""
    gate = Gate()
    calls = 0

    def run(tickets: Sequence[Ticket[str]]) -> Sequence[Answer]:
        nonlocal calls
        calls += 1
        gate(tickets)
        return ["fine"] if calls == 1 else answers

    worker = _worker(run)
    await worker.start()
    first = await _busy(worker, gate)
    rest = [asyncio.create_task(worker.submit(name)) for name in ("a", "b")]
    await asyncio.sleep(0.01)
    gate.opened.set()
    assert await first == "fine"
    outcomes = await asyncio.gather(*rest, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [RewriteFailed, RewriteFailed]
    await worker.close()


async def test_a_failing_batch_fails_its_waiters_alone() -> None:
    """An exception becomes RewriteFailed with its cause, without its text, and the next batch is served."""
    calls = 0

    def run(tickets: Sequence[Ticket[str]]) -> list[Answer]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ZeroDivisionError(tickets[0].task)
        return [ticket.task for ticket in tickets]

    worker = _worker(run)
    await worker.start()
    with pytest.raises(RewriteFailed) as caught:
        await worker.submit("private words")
    assert "private" not in caught.value.message
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert await worker.submit("again") == "again"
    await worker.close()


async def test_one_refused_row_harms_no_other() -> None:
    """An answer that is an error is raised to its own waiter alone."""
    refused = RewriteFailed("too long")
    worker = _worker(lambda tickets: [refused if ticket.task == "bad" else "ok" for ticket in tickets])
    await worker.start()
    outcomes = await asyncio.gather(worker.submit("bad"), worker.submit("good"), return_exceptions=True)
    assert outcomes == [refused, "ok"]
    await worker.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_dead_worker_fails_all_who_wait_and_all_who_come() -> None:
    """A thread that dies leaves nobody hanging: in flight, queued, and later."""
    gate = Gate()

    def run(tickets: Sequence[Ticket[str]]) -> list[Answer]:
        gate(tickets)
        raise KeyboardInterrupt

    worker = _worker(run, max_batch=1)
    await worker.start()
    first = await _busy(worker, gate)
    second = asyncio.create_task(worker.submit("second"))
    await asyncio.sleep(0.01)
    gate.opened.set()
    outcomes = await asyncio.wait_for(asyncio.gather(first, second, return_exceptions=True), 5)
    assert [type(outcome) for outcome in outcomes] == [RewriteFailed, RewriteFailed]
    with pytest.raises(RewriteFailed):
        await worker.submit("later")
    await worker.close()


async def test_close_serves_what_waits() -> None:
    """Closing drains the queue first, then refuses."""
    gate = Gate()
    worker = _worker(gate)
    await worker.start()
    first = await _busy(worker, gate)
    second = asyncio.create_task(worker.submit("second"))
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(worker.close())
    await asyncio.sleep(0.01)
    gate.opened.set()
    await closing
    assert [await first, await second] == ["FIRST", "SECOND"]
    with pytest.raises(GatewayError):
        await worker.submit("third")


async def test_close_leaves_a_hanging_model_behind() -> None:
    """A batch that never ends keeps neither the closer nor its waiters; ending later harms nothing."""
    gate = Gate()
    worker = _worker(gate)
    await worker.start()
    first = await _busy(worker, gate)
    await asyncio.wait_for(worker.close(timeout_s=0.05), 5)
    with pytest.raises(RewriteFailed):
        await first
    gate.opened.set()
    await worker.close()


async def test_a_failed_load_is_raised_by_start() -> None:
    """What keeps the model from loading reaches whoever starts it, and nothing is accepted."""

    def prepare() -> None:
        raise ConfigurationError("no such folder")

    worker: BatchWorker[str] = BatchWorker(
        "t", lambda tickets: ["x"] * len(tickets), prepare=prepare, max_batch=1, queue_limit=1
    )
    with pytest.raises(ConfigurationError, match="no such folder"):
        await worker.start()
    with pytest.raises(RewriteFailed):
        await worker.submit("p")
    await worker.close()
