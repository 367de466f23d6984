"""The fail-closed table: every part × every fault.

No image leaves, the status is the documented one, and a record exists.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.gateway import Looks, Painting, Rewriting, Words, hurried, scripted_gateway

from classifiers.signals import Signal
from gateway.audit.schema import connect_writer
from gateway.core.errors import AuditUnavailable
from gateway.core.ports import Generated, GenerationEvent, GenerationRequest, Picture, Progress
from gateway.generation.batch_worker import BatchWorker
from gateway.generation.tickets import BatchKey, Ticket
from gateway.rewriting.worker import BatchWorker as RewriteWorker

REQUEST_ID = "fail-closed"
RELEASE = threading.Event()
"""Set at the end of a test, so that a hanging worker thread can end."""


@dataclass(frozen=True)
class Cell:
    """One cell: which part, which fault, the parts it needs, and what is documented for it."""

    part: str
    fault: str
    status: int
    code: str
    parts: Callable[[], dict[str, Any]]
    prompt: str = "a red apple"
    recorded: str | None = "error"
    """The closing record's outcome; None when the log itself is what failed."""

    def __str__(self) -> str:
        return f"{self.part}-{self.fault}"


# --- faults of a classifier, for texts and pictures alike -------------------------------------------------


def _raise(*_: Any) -> Any:
    raise RuntimeError("model exploded")


def _die(*_: Any) -> Any:
    raise SystemExit


def _slow(_batch: Any, answers: Any) -> Any:
    RELEASE.wait(0.6)
    return answers


def _hang(_batch: Any, answers: Any) -> Any:
    RELEASE.wait()
    return answers


def _nan(_batch: Any, answers: Any) -> Any:
    return [[replace(signal, score=float("nan")) for signal in one] for one in answers]


def _objects(_batch: Any, answers: Any) -> Any:
    return [["unsafe"] for _ in answers]


def _empty(_batch: Any, _answers: Any) -> Any:
    return []


def _none(_batch: Any, _answers: Any) -> Any:
    return None


def _too_many(_batch: Any, answers: Any) -> Any:
    return [*answers, *answers]


def _foreign(_batch: Any, answers: Any) -> Any:
    return [[Signal("sexual/minors", 0.0, "someone-else", "9")] for _ in answers]


_CLASSIFIER_FAULTS: dict[str, tuple[Callable[..., Any], int, str]] = {
    "exception": (_raise, 503, "classifier_unavailable"),
    "timeout": (_slow, 504, "stage_timeout"),
    "hang": (_hang, 504, "stage_timeout"),
    "nan": (_nan, 503, "classifier_unavailable"),
    "objects": (_objects, 503, "classifier_unavailable"),
    "empty": (_empty, 503, "classifier_unavailable"),
    "none": (_none, 503, "classifier_unavailable"),
    "wrong-count": (_too_many, 503, "classifier_unavailable"),
    "foreign-signals": (_foreign, 503, "classifier_unavailable"),
    "killed-worker": (_die, 503, "classifier_unavailable"),
}


# --- faults of the rewriter: each ends in a block ---------------------------------------------------------


async def _slow_rewrite(request: Any) -> str:
    await asyncio.sleep(1.0)
    return "a red apple"


async def _hanging_rewrite(request: Any) -> str:
    await asyncio.Event().wait()
    return "a red apple"


def _dead_rewrite_worker() -> Any:
    worker: RewriteWorker[str] = RewriteWorker(
        "dying", _die, prepare=lambda: None, max_batch=4, queue_limit=4
    )
    return lambda request: worker.submit(request.prompt)


_REWRITER_FAULTS: dict[str, Callable[[], Any]] = {
    "exception": lambda: _raise,
    "timeout": lambda: _slow_rewrite,
    "hang": lambda: _hanging_rewrite,
    "garbage": lambda: lambda _: "two\nlines",
    "object": lambda: lambda _: object(),
    "empty": lambda: lambda _: "   ",
    "too-long": lambda: lambda _: "apple " * 1000,
    "wrong-count": lambda: lambda _: ["a red apple", "a green apple"],
    "still-offends": lambda: lambda _: "a rude apple",
    "killed-worker": _dead_rewrite_worker,
}


# --- faults of the generator -------------------------------------------------------------------------------


async def _failing_draw(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
    yield Progress(1, 3)
    raise RuntimeError("out of memory")


async def _slow_draw(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
    for step in range(100):
        await asyncio.sleep(0.1)
        yield Progress(step + 1, 100)


async def _hanging_draw(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
    await asyncio.Event().wait()
    yield Progress(1, 1)


def _drawing(*pictures: Any) -> Callable[[GenerationRequest], AsyncIterator[GenerationEvent]]:
    async def draw(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        yield Generated(tuple(pictures))

    return draw


async def _silent_draw(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
    for step in range(3):
        yield Progress(step + 1, 3)


def _grey(height: int = 64, dtype: Any = np.uint8) -> Any:
    return np.full((height, 64, 3), 128, dtype)


class _DyingPainter:
    """A pipeline whose thread ends in the middle of a drawing."""

    def load(self) -> None: ...

    def unload(self) -> None: ...

    def paint(self, *_: Any) -> Any:
        raise SystemExit


async def _killed_draw(request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
    worker = BatchWorker("dying", _DyingPainter(), max_batch=1, queue_limit=1)  # type: ignore[arg-type]
    await worker.start()
    ticket = Ticket(request, BatchKey(64, 64, 1, 1.0, False))
    worker.submit(ticket)
    while True:
        yield await ticket.next_event()


_GENERATOR_FAULTS: dict[str, tuple[Any, int, str]] = {
    "exception": (_failing_draw, 502, "generation_failed"),
    "timeout": (_slow_draw, 504, "stage_timeout"),
    "hang": (_hanging_draw, 504, "stage_timeout"),
    "float-pixels": (_drawing(Picture(_grey(dtype=np.float32))), 502, "generation_failed"),
    "undecodable": (_drawing(Picture(encoded=b"not a picture", mime="image/png")), 502, "generation_failed"),
    "wrong-size": (_drawing(Picture(_grey(height=32))), 502, "generation_failed"),
    "no-picture": (_drawing("a picture, honestly"), 502, "generation_failed"),
    "empty": (_drawing(), 502, "generation_failed"),
    "silent": (_silent_draw, 502, "generation_failed"),
    "wrong-count": (_drawing(Picture(_grey()), Picture(_grey())), 502, "generation_failed"),
    "killed-worker": (_killed_draw, 502, "generation_failed"),
}


# --- faults of the log -------------------------------------------------------------------------------------


@dataclass
class _FaultyLog:
    """The real log with another `append`."""

    real: Any
    answer: Callable[[Any], Any]
    ready: bool = True
    closed: list[bool] = field(default_factory=list)

    def append(self, draft: Any) -> Any:
        return self.answer(draft)

    def size_and_root(self) -> Any:
        return self.real.size_and_root()

    def close(self) -> None:
        self.closed.append(True)


def _failed_future(_draft: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(AuditUnavailable("the disk is full"))
    return future


def _late_future(_draft: Any) -> Future[Any]:
    future: Future[Any] = Future()
    threading.Timer(4.0, lambda: future.cancelled() or future.set_result(None)).start()
    return future


def _refused(_draft: Any) -> Any:
    raise AuditUnavailable("the queue is full")


def _log(answer: Callable[[Any], Any], fault: str = "") -> Callable[[], dict[str, Any]]:
    return lambda: {"log": lambda real: _FaultyLog(real, answer), **_limited(fault)}


class _Disk:
    """A connection to a disk that fails from the moment it is told to."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self._real = real
        self.broken = False

    def __getattr__(self, name: str) -> Any:
        if self.broken and name in {"execute", "executemany", "commit"}:
            raise sqlite3.OperationalError("disk I/O error")
        return getattr(self._real, name)


# --- faults of the policy ----------------------------------------------------------------------------------


def _policy(**changes: Any) -> Callable[[], dict[str, Any]]:
    """Replace methods of the compiled policy."""

    class Faulty:
        def __init__(self, real: Any) -> None:
            self.real = real

        def __getattr__(self, name: str) -> Any:
            return changes.get(name, getattr(self.real, name))

    class Book:
        def __init__(self, real: Any) -> None:
            self.real = real

        def get(self, name: str | None) -> Any:
            return Faulty(self.real.get(name))

    return lambda: {"policies": Book}


def _missing_policy() -> dict[str, Any]:
    class Book:
        def __init__(self, real: Any) -> None:
            self.real = real

        def get(self, _name: str | None) -> Any:
            return self.real.get("no-such-policy")

    return {"policies": Book}


def _limited(fault: str, part: str | None = None) -> dict[str, Any]:
    """A short limit where the fault is to run into it: the part's own, or the whole request's."""
    if fault not in {"timeout", "hang"}:
        return {}
    return {"request_timeout_s": 2.0} if part is None else {"policy": hurried(part)}


def _cells() -> list[Cell]:
    cells = []
    for fault, (function, status, code) in _CLASSIFIER_FAULTS.items():
        texts = lambda f=function, n=fault: {"words": Words(f), **_limited(n, "words")}  # noqa: E731  one use
        pictures = lambda f=function, n=fault: {"looks": Looks(f), **_limited(n, "looks")}  # noqa: E731  one use
        cells.append(Cell("prompt-classifier", fault, status, code, texts))
        cells.append(Cell("image-classifier", fault, status, code, pictures))
    for fault, make in _REWRITER_FAULTS.items():
        parts = lambda m=make, n=fault: {  # noqa: E731  one use
            "rewriter": Rewriting(m()),
            **_limited(n, "rewriter"),
        }
        cells.append(Cell("rewriter", fault, 400, "moderation_blocked", parts, "a rude apple", "blocked"))
    for fault, (function, status, code) in _GENERATOR_FAULTS.items():
        drawing = lambda f=function, n=fault: {"painting": Painting(fault=f), **_limited(n)}  # noqa: E731  one use
        cells.append(Cell("generator", fault, status, code, drawing))
    unavailable = "audit_unavailable"
    cells += [
        Cell("audit", "exception", 503, unavailable, _log(_failed_future), recorded=None),
        Cell("audit", "queue-full", 503, unavailable, _log(_refused), recorded=None),
        Cell("audit", "timeout", 504, "stage_timeout", _log(_late_future, "timeout"), recorded=None),
        Cell("audit", "hang", 504, "stage_timeout", _log(lambda _: Future(), "hang"), recorded=None),
        Cell("policy", "exception", 503, "policy_unavailable", _policy(decide=_raise)),
        Cell("policy", "garbage", 503, "policy_unavailable", _policy(decide=lambda *_: "allow")),
        Cell("policy", "empty", 503, "policy_unavailable", _policy(decide=lambda *_: None)),
        Cell("policy", "missing", 503, "policy_unavailable", _missing_policy),
    ]
    return cells


@pytest.fixture(autouse=True)
def _release_workers() -> Any:
    RELEASE.clear()
    yield
    RELEASE.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("cell", _cells(), ids=str)
async def test_nothing_leaves(cell: Cell, tmp_path: Path) -> None:
    """The answer is the documented error, holds no picture and no prompt, and the trail is closed."""
    async with scripted_gateway(tmp_path / "gateway", **cell.parts()) as scripted:
        answer = await scripted.http.post(
            "/v1/images/generations", json={"prompt": cell.prompt}, headers={"x-request-id": REQUEST_ID}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (cell.status, cell.code)
        assert "b64_json" not in answer.text
        assert "apple" not in answer.text
        if cell.recorded is not None:
            trail = scripted.trail(REQUEST_ID)
            assert trail[-1]["stage"] == "outcome"
            assert trail[-1]["outcome"] == cell.recorded
            assert trail[-1]["out"] == []


@pytest.mark.parametrize("where", ["generate", "moderations"])
async def test_a_disk_error_withholds_everything_from_then_on(where: str, tmp_path: Path) -> None:
    """After an I/O error the log takes nothing more, readiness is red, and every answer is 503."""

    disks: list[_Disk] = []

    def connect(path: Path) -> Any:
        disks.append(_Disk(connect_writer(path)))
        return disks[-1]

    async with scripted_gateway(tmp_path / "gateway", connect=connect) as scripted:
        assert (await scripted.draw("a red apple")).status_code == 200
        for disk in disks:
            disk.broken = True
        for _ in range(2):
            if where == "generate":
                answer = await scripted.draw("a red apple")
            else:
                answer = await scripted.http.post("/v1/moderations", json={"input": "a red apple"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "audit_unavailable")
        assert (await scripted.http.get("/readyz")).status_code == 503


async def test_the_table_is_whole() -> None:
    """At least 36 cells, every part of the pipeline among them."""
    cells = _cells()
    assert len({str(cell) for cell in cells}) == len(cells) >= 36
    assert {cell.part for cell in cells} == {
        "prompt-classifier", "image-classifier", "rewriter", "generator", "audit", "policy",
    }  # fmt: skip
