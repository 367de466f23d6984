"""The micro-batcher's promises, one by one, with a scripted classifier in a real thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from classifiers.batching import MAX_BATCH_CHARS, BatcherClosed, ClassifierFailed, MicroBatcher
from classifiers.fakes import LocatingClassifier
from classifiers.protocol import ClassifierCard
from classifiers.signals import FailureKind, Modality, Signal, Span
from classifiers.waiting import turn

CARD = ClassifierCard(
    name="probe",
    kind="probe",
    revision="1",
    modality=Modality.TEXT,
    categories=frozenset({"violence"}),
    languages=("*",),
    licence="Apache-2.0",
    calibrated=False,
)


def signal(score: float = 0.5, category: str = "violence", classifier: str = "probe") -> Signal:
    return Signal(category, score, classifier, "1")


class Probe:
    """Runs a function as its `classify`, and can be held up by a gate."""

    def __init__(self, answer: Callable[[Sequence[Any]], Any]) -> None:
        self.answer = answer
        self.batches: list[list[Any]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.threads: set[str] = set()
        self.closed = 0

    @property
    def card(self) -> ClassifierCard:
        return CARD

    def warmup(self) -> None:
        self.threads.add(threading.current_thread().name)

    def classify(self, batch: Sequence[Any]) -> Any:
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        assert self.gate.wait(20)
        self.batches.append(list(batch))
        return self.answer(batch)

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.closed += 1


def one_each(batch: Sequence[Any]) -> list[list[Signal]]:
    return [[signal()] for _ in batch]


async def entered(probe: Probe) -> None:
    assert await asyncio.to_thread(probe.entered.wait, 10)


async def failure_of(awaitable: Any) -> Any:
    with pytest.raises(ClassifierFailed) as caught:
        await asyncio.wait_for(awaitable, 10)
    return caught.value.failure


async def test_what_waits_is_drained_in_one_batch_up_to_the_cap() -> None:
    """While the worker is busy the queue fills; free again, it takes at most `max_batch`, in order."""
    probe = Probe(one_each)
    batcher = MicroBatcher(probe, max_batch=4)
    await batcher.start()
    probe.gate.clear()
    first = asyncio.ensure_future(batcher.submit("0"))
    await entered(probe)
    rest = [asyncio.ensure_future(batcher.submit(str(i))) for i in range(1, 8)]
    await asyncio.sleep(0)
    probe.gate.set()
    await asyncio.gather(first, *rest)
    assert probe.batches == [["0"], ["1", "2", "3", "4"], ["5", "6", "7"]]
    batcher.close()


async def test_long_texts_are_not_gathered() -> None:
    """Long texts go one by one, so that one that nobody waits for any more is dropped and not measured."""
    probe = Probe(one_each)
    batcher = MicroBatcher(probe)
    probe.gate.clear()
    first = asyncio.create_task(batcher.submit("first"))
    await entered(probe)
    long = [asyncio.create_task(batcher.submit(letter * MAX_BATCH_CHARS)) for letter in "abc"]
    short = [asyncio.create_task(batcher.submit(text)) for text in ("d", "e")]
    await asyncio.sleep(0)
    long[1].cancel()
    await asyncio.sleep(0)
    probe.gate.set()
    await asyncio.gather(first, long[0], long[2], *short)
    assert [[text[0] for text in batch] for batch in probe.batches] == [["f"], ["a"], ["c"], ["d", "e"]]
    await asyncio.to_thread(batcher.close)


async def test_one_named_thread_warms_up_classifies_and_closes() -> None:
    """The classifier is only ever touched by its own thread, which carries its name."""
    probe = Probe(one_each)
    batcher = MicroBatcher(probe)
    await batcher.start()
    await batcher.submit("a")
    batcher.close()
    batcher.close()
    assert probe.threads == {"classifier-probe"}
    assert probe.closed == 1
    assert not batcher.alive


async def test_a_classifier_error_reaches_every_waiter_by_class_name_only() -> None:
    """An exception becomes the same failure for the whole batch, and quotes nothing of the text."""

    def explode(batch: Sequence[Any]) -> Any:
        raise ValueError(f"cannot read {batch[0]}")

    probe = Probe(explode)
    batcher = MicroBatcher(probe)
    failures = await asyncio.gather(*(failure_of(batcher.submit("private text")) for _ in range(3)))
    assert {(f.kind, f.detail, f.classifier) for f in failures} == {
        (FailureKind.EXCEPTION, "ValueError", "probe")
    }
    assert batcher.alive
    batcher.close()


async def test_an_error_is_not_the_end_of_the_worker() -> None:
    """The batch after a failed one is classified as if nothing had happened."""
    answers = iter([RuntimeError("once"), None])

    def sometimes(batch: Sequence[Any]) -> Any:
        error = next(answers)
        if error:
            raise error
        return one_each(batch)

    batcher = MicroBatcher(Probe(sometimes))
    assert (await failure_of(batcher.submit("a"))).kind is FailureKind.EXCEPTION
    assert await batcher.submit("b") == (signal(),)
    batcher.close()


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (lambda batch: [], "wrong count"),
        (lambda batch: [[signal()]] * (len(batch) + 1), "wrong count"),
        (lambda batch: None, "wrong count"),
        (lambda batch: "x" * len(batch), "wrong count"),
        (lambda batch: [None] * len(batch), "not signals"),
        (lambda batch: [["high"]] * len(batch), "not a signal"),
        (lambda batch: [[signal(category="sexual")]] * len(batch), "category not on the card"),
        (lambda batch: [[signal(classifier="other")]] * len(batch), "foreign signal"),
    ],
)
async def test_output_of_the_wrong_form_is_a_failure(answer: Any, detail: str) -> None:
    """Whatever a classifier returns that is not its own signals per item is INVALID_OUTPUT."""
    batcher = MicroBatcher(Probe(answer))
    failure = await failure_of(batcher.submit("a"))
    assert (failure.kind, failure.detail) == (FailureKind.INVALID_OUTPUT, detail)
    batcher.close()


async def test_a_nan_score_is_a_failure() -> None:
    """A score that is not a number never becomes a signal."""
    batcher = MicroBatcher(Probe(lambda batch: [[signal(float("nan"))] for _ in batch]))
    failure = await failure_of(batcher.submit("a"))
    assert (failure.kind, failure.detail) == (FailureKind.EXCEPTION, "ValueError")
    batcher.close()


async def test_no_signals_for_an_item_is_a_valid_answer() -> None:
    """An empty sequence per item is a measurement with nothing to report."""
    batcher = MicroBatcher(Probe(lambda batch: [[] for _ in batch]))
    assert await batcher.submit("a") == ()
    batcher.close()


async def test_a_full_queue_refuses_at_once() -> None:
    """Beyond `queue_limit` waiting items the answer is OVERLOADED without waiting."""
    probe = Probe(one_each)
    batcher = MicroBatcher(probe, max_batch=1, queue_limit=2)
    probe.gate.clear()
    busy = asyncio.ensure_future(batcher.submit("busy"))
    await entered(probe)
    waiting = [asyncio.ensure_future(batcher.submit(str(i))) for i in range(2)]
    await asyncio.sleep(0)
    assert (await failure_of(batcher.submit("late"))).kind is FailureKind.OVERLOADED
    probe.gate.set()
    assert await asyncio.gather(busy, *waiting) == [(signal(),)] * 3
    batcher.close()


@pytest.mark.parametrize("death", [SystemExit, KeyboardInterrupt, GeneratorExit])
async def test_a_dying_worker_frees_all_waiters_and_later_calls(death: type[BaseException]) -> None:
    """In flight, queued and later: all get WORKER_DEAD, none hangs."""

    def die(batch: Sequence[Any]) -> Any:
        raise death

    probe = Probe(die)
    batcher = MicroBatcher(probe, max_batch=1)
    probe.gate.clear()
    calls = [asyncio.ensure_future(batcher.submit(str(i))) for i in range(3)]
    await entered(probe)
    probe.gate.set()
    for call in calls:
        assert (await failure_of(call)).kind is FailureKind.WORKER_DEAD
    later = await failure_of(batcher.submit("later"))
    assert (later.kind, later.detail) == (FailureKind.WORKER_DEAD, death.__name__)
    assert not batcher.alive
    batcher.close()


async def test_a_cancelled_waiter_is_dropped_before_classify() -> None:
    """An item whose caller went away while it queued costs no model time."""
    probe = Probe(one_each)
    batcher = MicroBatcher(probe)
    probe.gate.clear()
    busy = asyncio.ensure_future(batcher.submit("busy"))
    await entered(probe)
    gone, stays = (asyncio.ensure_future(batcher.submit(x)) for x in ("gone", "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    probe.gate.set()
    assert await asyncio.gather(busy, stays) == [(signal(),)] * 2
    assert probe.batches == [["busy"], ["stays"]]
    batcher.close()


async def test_a_failed_warmup_fails_start_and_every_submit() -> None:
    """What can't be loaded is never ready and never hangs."""

    class Broken(Probe):
        def warmup(self) -> None:
            raise OSError("no weights")

    batcher = MicroBatcher(Broken(one_each))
    with pytest.raises(ClassifierFailed) as caught:
        await batcher.start()
    assert isinstance(caught.value.__cause__, OSError)
    assert (await failure_of(batcher.submit("a"))).kind is FailureKind.WORKER_DEAD
    batcher.close()


async def test_close_answers_what_waits_and_refuses_what_comes() -> None:
    """Closing loses no accepted item; a later one is refused at once."""
    probe = Probe(one_each)
    batcher = MicroBatcher(probe, max_batch=1)
    probe.gate.clear()
    calls = [asyncio.ensure_future(batcher.submit(str(i))) for i in range(3)]
    await entered(probe)
    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    await asyncio.sleep(0.02)
    assert (await failure_of(batcher.submit("late"))).detail == "closed"
    probe.gate.set()
    await closing
    assert await asyncio.gather(*calls) == [(signal(),)] * 3
    with pytest.raises(BatcherClosed):
        await batcher.start()


async def test_a_classifier_that_hangs_at_close_does_not_hang_its_waiters() -> None:
    """When the join times out, waiters are failed rather than left."""
    probe = Probe(one_each)
    batcher = MicroBatcher(probe)
    probe.gate.clear()
    call = asyncio.ensure_future(batcher.submit("a"))
    await entered(probe)
    await asyncio.to_thread(batcher.close, 0.05)
    assert (await failure_of(call)).kind is FailureKind.WORKER_DEAD
    probe.gate.set()


def test_a_batcher_serves_several_event_loops() -> None:
    """Callers in different loops and threads each get their answer in their own loop."""
    batcher = MicroBatcher(Probe(lambda batch: [[signal(float(item))] for item in batch]))
    seen: list[float] = []

    def caller(score: float) -> None:
        seen.append(asyncio.run(batcher.submit(str(score)))[0].score)

    threads = [threading.Thread(target=caller, args=(i / 10,)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    batcher.close()
    assert sorted(seen) == [0.0, 0.1, 0.2, 0.3, 0.4]


async def test_where_is_asked_in_the_same_thread_and_alone() -> None:
    """A question for spans waits like an item, and is a batch of its own: its answer is its own."""
    locating = LocatingClassifier("probe", word="bad", always={"violence": 0.9})
    batcher = MicroBatcher(locating)
    edges = {"violence": 0.5}
    answers = await asyncio.gather(
        batcher.submit("a bad one"), batcher.locate("so bad", edges), batcher.submit("another bad one")
    )
    assert answers[1] == (Span(3, 6),)
    assert [len(answer) for answer in answers] == [1, 1, 1]
    assert locating.located == [("so bad", edges)]
    assert locating.items == ["a bad one", "another bad one"]
    batcher.close()


async def test_a_classifier_that_knows_no_place_answers_none() -> None:
    """It is not even asked."""
    probe = Probe(one_each)
    batcher = MicroBatcher(probe)
    assert await batcher.locate("a text", {"violence": 0.5}) == ()
    assert probe.batches == []
    batcher.close()


@pytest.mark.parametrize(
    ("answer", "detail"),
    [([Span(0, 99)], "span outside the text"), ([(0, 1)], "span outside the text"), (7, "not spans")],
)
async def test_spans_of_the_wrong_form_are_a_failure(answer: Any, detail: str) -> None:
    """Whatever is no span inside of the text is INVALID_OUTPUT."""
    batcher = MicroBatcher(LocatingClassifier("probe", word="bad", always={"violence": 0.9}, answer=answer))
    failure = await failure_of(batcher.locate("a text", {"violence": 0.5}))
    assert (failure.kind, failure.detail) == (FailureKind.INVALID_OUTPUT, detail)
    batcher.close()


def test_limits_below_one_are_refused() -> None:
    """A batcher that could never take an item can't be made."""
    with pytest.raises(ValueError, match="at least 1"):
        MicroBatcher(Probe(one_each), max_batch=0)


async def test_an_item_s_time_begins_with_its_batch() -> None:
    """Waiting behind other work is not the item's own; work beyond the limit is a TIMEOUT, for it alone."""
    probe = Probe(one_each)
    batcher = MicroBatcher(probe, max_batch=1)
    probe.gate.clear()
    slow = asyncio.ensure_future(batcher.submit("slow", 0.03))
    await entered(probe)
    patient = asyncio.ensure_future(batcher.submit("patient", 0.03))
    assert (await failure_of(slow)).kind is FailureKind.TIMEOUT
    await asyncio.sleep(0.06)
    assert not patient.done()
    probe.gate.set()
    assert await patient == (signal(),)
    batcher.close()


async def test_interactive_work_passes_between_the_steps_of_bulk_work() -> None:
    """A classifier that works in steps serves a waiting prompt after the first step of an array's item."""

    class Stepping(Probe):
        def classify_in_steps(self, batch: Sequence[Any], between: Callable[[], None]) -> Any:
            self.steps = [f"{batch[0]} begins"]
            self.gate.wait()
            between()
            self.steps.append(f"{batch[0]} ends after {len(self.batches)}")
            return one_each(batch)

    probe = Stepping(one_each)
    batcher = MicroBatcher(probe)
    probe.gate.clear()
    with turn("a", "k", bulk=True):
        bulk = asyncio.ensure_future(batcher.submit("array", 30))
    while not hasattr(probe, "steps"):
        await asyncio.sleep(0.01)
    prompt = asyncio.ensure_future(batcher.submit("prompt", 30))
    await asyncio.sleep(0.01)
    probe.gate.set()
    assert await asyncio.gather(bulk, prompt) == [(signal(),)] * 2
    assert probe.steps == ["array begins", "array ends after 1"]
    assert probe.batches == [["prompt"]]
    batcher.close()
