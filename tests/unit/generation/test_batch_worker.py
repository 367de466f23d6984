"""The worker before an image model: batches, cancels, and lets every waiter end."""

import asyncio
import threading
import time
import weakref

import numpy as np
import pytest

from gateway.core.errors import GenerationFailed, Overloaded, RequestInvalid, StageTimeout
from gateway.core.ports import Generated, GenerationRequest, Progress
from gateway.generation.batch_worker import BatchWorker
from gateway.generation.tickets import BatchKey, Ticket


class ScriptedPainter:
    """Draws one-coloured pictures by seed; `gate` holds it back, `fail` is raised instead of drawing."""

    def __init__(self, *, steps=3, step_s=0.0, fail=None, load_error=None):
        self.steps, self.step_s, self.fail, self.load_error = steps, step_s, fail, load_error
        self.gate = threading.Event()
        self.gate.set()
        self.batches = []
        self.steps_drawn = 0
        self.previews_drawn = 0
        self.unloaded = 0

    def load(self):
        if self.load_error:
            raise self.load_error

    def unload(self):
        self.unloaded += 1

    def paint(self, key, strokes, on_step):
        self.gate.wait(10)
        self.batches.append([stroke.seed for stroke in strokes])
        if self.fail is not None:
            raise self.fail
        for step in range(1, self.steps + 1):
            time.sleep(self.step_s)
            self.steps_drawn += 1
            on_step(step, self.steps, lambda: self._previews(strokes))
        return self._pictures(strokes)

    def _previews(self, strokes):
        self.previews_drawn += 1
        return self._pictures(strokes)

    def _pictures(self, strokes):
        return [np.full((8, 8, 3), stroke.seed, dtype=np.uint8) for stroke in strokes]


def ticket(*seeds, width=8, steps=3, timeout_s=5.0, preview_count=0):
    request = GenerationRequest(
        "r", "words", None, width, 8, seeds, timeout_s=timeout_s, preview_count=preview_count
    )
    return Ticket(request, BatchKey(width, 8, steps, None, has_negative=False))


async def outcome(waiting):
    """(progress events, colours of the pictures) of a ticket."""
    events = []
    while True:
        event = await waiting.next_event()
        if isinstance(event, Generated):
            return events, [int(picture.pixels[0, 0, 0]) for picture in event.pictures]
        events.append(event)


async def started(painter, max_batch=4, queue_limit=8):
    worker = BatchWorker("test", painter, max_batch=max_batch, queue_limit=queue_limit)
    await worker.start()
    return worker


async def crowd(worker, painter, *tickets):
    """Submit the tickets while the painter is busy with another shape, so that all wait together."""
    painter.gate.clear()
    first = ticket(99, width=16)
    worker.submit(first)
    await asyncio.sleep(0.05)
    for one in tickets:
        worker.submit(one)
    painter.gate.set()
    await outcome(first)


async def test_same_shaped_requests_are_drawn_together():
    """What waits with the same key shares a forward pass, and each request gets its own pictures."""
    painter = ScriptedPainter()
    worker = await started(painter)
    one, two, other = ticket(1), ticket(2, 3), ticket(4, steps=5)
    await crowd(worker, painter, one, other, two)

    assert [(await outcome(t))[1] for t in (one, two, other)] == [[1], [2, 3], [4]]
    assert painter.batches == [[99], [1, 2, 3], [4]]
    await worker.close()


async def test_batches_keep_under_the_cap():
    """No forward pass draws more than `max_batch` pictures."""
    painter = ScriptedPainter()
    worker = await started(painter, max_batch=4)
    waiting = [ticket(1, 2, 3), ticket(4, 5), ticket(6)]
    await crowd(worker, painter, *waiting)

    assert [(await outcome(t))[1] for t in waiting] == [[1, 2, 3], [4, 5], [6]]
    assert painter.batches == [[99], [1, 2, 3, 6], [4, 5]]
    await worker.close()


async def test_a_size_of_the_profile_has_its_own_cap():
    """A size that the profile names is drawn by its number, any other by `max_batch`; steps count on."""
    painter = ScriptedPainter(steps=2)
    worker = BatchWorker("test", painter, max_batch=4, queue_limit=8, profile={(16, 8): 1})
    await worker.start()
    large, small = ticket(1, 2, 3, width=16), ticket(4, 5, 6)
    worker.submit(large)
    worker.submit(small)

    events, colours = await outcome(large)

    assert (colours, (await outcome(small))[1]) == ([1, 2, 3], [4, 5, 6])
    assert sorted(painter.batches) == [[1], [2], [3], [4, 5, 6]]
    assert events == [Progress(step, 6) for step in range(1, 7)]
    await worker.close()


async def test_a_large_request_takes_several_passes():
    """Ten pictures by fours: all come, in order, and the steps count on over the passes."""
    painter = ScriptedPainter(steps=2)
    worker = await started(painter, max_batch=4)
    large = ticket(*range(1, 11))
    worker.submit(large)

    events, colours = await outcome(large)

    assert colours == list(range(1, 11))
    assert events == [Progress(step, 6) for step in range(1, 7)]
    await worker.close()


async def test_previews_come_in_the_last_pass_for_every_picture():
    """Previews show one picture per image, spread over the steps, and cost nothing when unasked."""
    painter = ScriptedPainter(steps=6)
    worker = await started(painter, max_batch=2)
    shown, plain = ticket(1, 2, 3, preview_count=2), ticket(4, steps=9)
    worker.submit(shown)
    worker.submit(plain)

    events, _ = await outcome(shown)
    await outcome(plain)

    rounds = [(event.step, len(event.previews)) for event in events if event.previews]
    assert rounds == [(8, 3), (10, 3)]
    assert painter.previews_drawn == 2
    await worker.close()


async def test_a_batch_that_nobody_wants_ends_within_one_step():
    """When every request of a batch is cancelled, at most the running step is finished."""
    painter = ScriptedPainter(steps=50, step_s=0.02)
    worker = await started(painter)
    one, two = ticket(1), ticket(2)
    worker.submit(one)
    worker.submit(two)
    await one.next_event()
    one.cancel()
    two.cancel()
    seen = painter.steps_drawn
    await asyncio.sleep(0.3)

    assert painter.steps_drawn <= seen + 1
    survivor = ticket(3)
    worker.submit(survivor)
    painter.steps = 1
    assert (await outcome(survivor))[1] == [3]
    await worker.close()


async def test_a_cancelled_member_is_dropped_and_the_other_served():
    """A shared batch goes on for who still waits."""
    painter = ScriptedPainter(steps=5, step_s=0.01)
    worker = await started(painter)
    lost, kept = ticket(1), ticket(2)
    await crowd(worker, painter, lost, kept)
    await lost.next_event()
    lost.cancel()

    assert (await outcome(kept))[1] == [2]
    assert painter.batches[-1] == [1, 2]
    await worker.close()


async def test_a_full_queue_refuses_at_once_and_cancelled_waiters_make_room():
    """Beyond `queue_limit` waiting requests the answer is Overloaded; a cancelled one no longer counts."""
    painter = ScriptedPainter()
    worker = await started(painter, queue_limit=2)
    painter.gate.clear()
    worker.submit(ticket(1))
    await asyncio.sleep(0.05)
    second, third = ticket(2, width=16), ticket(3, width=24)
    worker.submit(second)
    worker.submit(third)

    with pytest.raises(Overloaded) as full:
        worker.submit(ticket(4))
    assert full.value.retry_after_s

    second.cancel()
    fourth = ticket(4)
    worker.submit(fourth)
    painter.gate.set()
    assert (await outcome(fourth))[1] == [4]
    await worker.close()


@pytest.mark.parametrize("error", [RuntimeError("words"), ValueError("words"), MemoryError("words")])
async def test_any_error_reaches_every_waiter_and_the_next_batch_is_drawn(error):
    """A library's error fails the whole batch by class name alone, and the worker goes on."""
    painter = ScriptedPainter(fail=error)
    worker = await started(painter)
    waiting = [ticket(1), ticket(2)]
    painter.gate.clear()
    for one in waiting:
        worker.submit(one)
    painter.gate.set()

    for one in waiting:
        with pytest.raises(GenerationFailed, match=type(error).__name__) as failed:
            await outcome(one)
        assert "words" not in failed.value.message
        assert failed.value.__cause__ is error
    painter.fail = None
    later = ticket(3)
    worker.submit(later)
    assert (await outcome(later))[1] == [3]
    await worker.close()


async def test_our_own_errors_keep_their_class():
    """An error of ours raised while drawing reaches the waiter as it is, field included."""
    worker = await started(ScriptedPainter(fail=RequestInvalid("no such size", param="size")))
    waiting = ticket(1)
    worker.submit(waiting)

    with pytest.raises(RequestInvalid) as refused:
        await outcome(waiting)

    assert refused.value.param == "size"
    await worker.close()


async def test_a_dead_thread_fails_all_who_wait_and_all_who_come():
    """When the thread dies, the drawing, the waiting and every later request fail at once."""
    painter = ScriptedPainter(fail=SystemExit(1))
    worker = await started(painter)
    painter.gate.clear()
    drawing = ticket(1)
    worker.submit(drawing)
    await asyncio.sleep(0.05)
    waiting = ticket(2, width=16)
    worker.submit(waiting)
    painter.gate.set()

    for one in (drawing, waiting):
        with pytest.raises(GenerationFailed, match="SystemExit"):
            await asyncio.wait_for(outcome(one), 2)
    with pytest.raises(GenerationFailed, match="SystemExit"):
        worker.submit(ticket(3))
    await worker.close()


async def test_waiting_in_the_queue_counts_towards_the_time():
    """A request whose turn never comes ends as StageTimeout."""
    painter = ScriptedPainter()
    worker = await started(painter)
    painter.gate.clear()
    worker.submit(ticket(1))
    late = ticket(2, width=16, timeout_s=0.1)
    worker.submit(late)

    with pytest.raises(StageTimeout):
        await outcome(late)
    painter.gate.set()
    await worker.close()


async def test_what_loading_raises_start_raises():
    """A model that can't be loaded fails `start` with its own error, and later requests at once."""
    worker = BatchWorker("test", ScriptedPainter(load_error=OSError("no file")), max_batch=1, queue_limit=1)

    with pytest.raises(OSError, match="no file"):
        await worker.start()
    with pytest.raises(GenerationFailed):
        worker.submit(ticket(1))
    await worker.close()


async def test_close_fails_who_waits_and_gives_the_model_back():
    """Closing ends running and waiting requests with an error, unloads once, and may be called again."""
    painter = ScriptedPainter(steps=100, step_s=0.02)
    worker = await started(painter)
    drawing, waiting = ticket(1), ticket(2, width=16)
    worker.submit(drawing)
    worker.submit(waiting)
    await drawing.next_event()

    await worker.close()
    await worker.close()

    for one in (drawing, waiting):
        with pytest.raises(GenerationFailed, match="closed"):
            await outcome(one)
    assert painter.unloaded == 1
    with pytest.raises(GenerationFailed):
        worker.submit(ticket(3))


async def test_close_before_start_is_fine():
    """A worker that never ran closes, and then does not start."""
    worker = BatchWorker("test", ScriptedPainter(), max_batch=1, queue_limit=1)
    await worker.close()

    with pytest.raises(GenerationFailed):
        await worker.start()


async def test_those_who_gave_up_do_not_pile_up():
    """While the model hangs, a cancelled request is let go when the next one comes."""
    painter = ScriptedPainter()
    worker = await started(painter, queue_limit=2)
    painter.gate.clear()
    worker.submit(ticket(1))
    await asyncio.sleep(0.05)
    gone = []
    for seed in range(5):
        waiting = ticket(seed)
        worker.submit(waiting)
        waiting.cancel()
        gone.append(weakref.ref(waiting))
        del waiting
    assert sum(one() is not None for one in gone) <= 1
    painter.gate.set()
    await worker.close()
