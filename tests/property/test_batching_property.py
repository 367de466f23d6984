"""For any interleaving of calls, cancels and failures: own answers, no harm to others, nothing hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.batching import ClassifierFailed, MicroBatcher
from classifiers.protocol import ClassifierCard
from classifiers.signals import FailureKind, Modality, Signal

CARD = ClassifierCard(
    "echo", "echo", "1", Modality.TEXT, frozenset({"violence"}), ("*",), "Apache-2.0", False
)


class Echo:
    """Scores an item by its own number, so a mixed-up answer shows; `fail` items sink their batch."""

    card = CARD

    def classify(self, batch: Sequence[tuple[int, str]]) -> list[list[Signal]]:
        for _, what in batch:
            if what == "fail":
                raise RuntimeError
            if what == "die":
                raise SystemExit
        return [[Signal("violence", number / 1000, "echo", "1")] for number, _ in batch]


CALLS = st.lists(
    st.tuples(st.sampled_from(["plain", "plain", "plain", "cancel", "fail"]), st.integers(0, 3)), max_size=40
)


async def play(calls: list[tuple[str, int]], max_batch: int, queue_limit: int) -> list[object]:
    batcher = MicroBatcher(Echo(), max_batch=max_batch, queue_limit=queue_limit)
    tasks = []
    for number, (what, pauses) in enumerate(calls):
        task = asyncio.ensure_future(batcher.submit((number, what)))
        tasks.append(task)
        for _ in range(pauses):
            await asyncio.sleep(0)
        if what == "cancel":
            task.cancel()
    answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)
    batcher.close()
    return list(answers)


@settings(max_examples=60, deadline=None)
@given(calls=CALLS, max_batch=st.integers(1, 8), queue_limit=st.integers(1, 64))
def test_every_caller_gets_its_own_answer(
    calls: list[tuple[str, int]], max_batch: int, queue_limit: int
) -> None:
    """An answer is the caller's own number; a failure is one its batch or the queue can explain."""
    answers = asyncio.run(play(calls, max_batch, queue_limit))
    may_fail = any(what == "fail" for what, _ in calls)
    for number, ((what, _), answer) in enumerate(zip(calls, answers, strict=True)):
        if isinstance(answer, tuple):
            assert what != "fail"
            assert answer[0].score == number / 1000
        elif isinstance(answer, ClassifierFailed):
            assert answer.failure.kind is FailureKind.OVERLOADED or may_fail
        else:
            assert what == "cancel"
            assert isinstance(answer, asyncio.CancelledError)


@settings(max_examples=30, deadline=None)
@given(calls=CALLS, death=st.integers(0, 40), max_batch=st.integers(1, 8))
def test_a_death_at_any_moment_hangs_no_one(calls: list[tuple[str, int]], death: int, max_batch: int) -> None:
    """Wherever the worker dies, every caller hears of it or has its answer."""
    calls = [*calls[:death], ("die", 0), *calls[death:]]
    answers = asyncio.run(play(calls, max_batch, 256))
    assert len(answers) == len(calls)
    dead = answers[min(death, len(calls) - 1)]
    assert isinstance(dead, ClassifierFailed)
    assert dead.failure.kind in {FailureKind.WORKER_DEAD, FailureKind.EXCEPTION}
