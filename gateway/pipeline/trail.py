"""One request's records, in order: decisions, rewrites, generation, and the outcome that closes them.

Duty: turn what happened into record drafts and say when they are durable. Scores become integer millionths,
so that the canonical bytes hold no float. Prompts and actors go only into the sealed part. It knows no HTTP,
no SQL and no model.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from gateway.audit.record import new_id
from gateway.core.errors import AuditUnavailable, GatewayError
from gateway.core.outcomes import Coverage
from gateway.core.ports import AuditLog, Json, ModelIdentity, Receipt, RecordDraft
from gateway.core.requests import Caller
from gateway.pipeline.record_fields import RewriteAttempt, decision_fields, model_fields, rewrite_fields
from policies.decision import Decision

_ERROR_DURABLE_WITHIN_S = 5.0
"""How long an error waits for its own record: it withholds everything, so a log that hangs can't hold it."""


class Observer(Protocol):
    """Who counts what happens; called on the event loop, must not block and must not raise."""

    def decision(self, decision: Decision, latency_us: int) -> None:
        """A stage was decided."""
        ...

    def outcome(self, surface: str, outcome: str, latency_us: int, coverage: Coverage) -> None:
        """A request ended."""
        ...


class SilentObserver:
    """Counts nothing."""

    def decision(self, decision: Decision, latency_us: int) -> None:
        """Ignore."""

    def outcome(self, surface: str, outcome: str, latency_us: int, coverage: Coverage) -> None:
        """Ignore."""


@dataclass(frozen=True, slots=True)
class DeliveredBytes:
    """What left for one picture: its place, sha256 of the bytes (hex), their count and MIME type.

    `likeness` is its perceptual hash: it finds the picture again after re-encoding or scaling.
    """

    index: int
    sha256: str
    size_bytes: int
    mime: str
    likeness: str | None = None

    def as_json(self) -> dict[str, Json]:
        """As it stands in a record."""
        told: dict[str, Json] = {
            "bytes": self.size_bytes,
            "index": self.index,
            "mime": self.mime,
            "sha256": self.sha256,
        }
        return told if self.likeness is None else {**told, "perceptual_hash": self.likeness}


@dataclass(frozen=True, slots=True)
class PicturePlace:
    """Which picture was judged: its index, whether it was a preview, how often it had been regenerated."""

    index: int
    preview: bool = False
    attempt: int = 0


class Trail:
    """The records of one request. Use as `async with`: an error that escapes closes it as an error.

    Every method appends at once, in call order, and raises `AuditUnavailable` when the log refuses.
    """

    def __init__(
        self,
        log: AuditLog,
        *,
        request_id: str,
        caller: Caller,
        surface: str,
        observer: Observer | None = None,
    ) -> None:
        self._log = log
        self._caller = caller
        self._surface = surface
        self._observer = observer or SilentObserver()
        self._request: Mapping[str, Json] = {"id": request_id, "surface": surface, "tenant": caller.tenant}
        self._started_ns = time.monotonic_ns()
        self._ids: list[str] = []
        self._pending: list[Future[Receipt]] = []
        self._closed = False
        self.decisions: list[Decision] = []
        """Every decision so far but those on previews, in order."""
        self.coverage = Coverage()

    @property
    def first_record(self) -> str:
        """Id of the record that seals who asked; there is one once anything was decided."""
        return self._ids[0]

    @property
    def elapsed_s(self) -> float:
        """Seconds since the request began."""
        return (time.monotonic_ns() - self._started_ns) / 1e9

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or self._closed:
            return
        name = "cancelled" if isinstance(error, asyncio.CancelledError) else "error"
        code = error.code if isinstance(error, GatewayError) else "internal_error"
        try:
            self.close(name, error={"class": type(error).__name__, "code": code})
            if name == "error":
                async with asyncio.timeout(_ERROR_DURABLE_WITHIN_S):
                    await self.durable()
        except (AuditUnavailable, TimeoutError):
            # The log is the failure; the error that escapes already withholds everything.
            return

    def decision(
        self,
        decision: Decision,
        *,
        latency_us: int,
        text: str | None = None,
        place: PicturePlace | None = None,
    ) -> None:
        """Record one decision; its record has the decision's own id. `text` is sealed."""
        public = decision_fields(decision)
        public["latency_us"] = latency_us
        if place is not None:
            public["image"] = {"attempt": place.attempt, "index": place.index, "preview": place.preview}
        self._append(decision.id, decision.stage.value, public, None if text is None else {"prompt": text})
        if place is None or not place.preview:
            self.decisions.append(decision)
        self._observer.decision(decision, latency_us)

    def rewrite(self, attempt: RewriteAttempt) -> None:
        """Record one attempt at rewriting: both prompts sealed; what was changed, and how far, in public."""
        sealed = {"prompt": attempt.prompt}
        if attempt.rewritten is not None:
            sealed["rewritten_prompt"] = attempt.rewritten
        self._append(new_id(), "rewrite", rewrite_fields(attempt), sealed)

    def generated(
        self,
        *,
        model: ModelIdentity,
        seeds: Sequence[int],
        parameters: Mapping[str, Json],
        negative_prompt: str | None,
        latency_us: int,
        attempt: int = 0,
        failure: str | None = None,
    ) -> None:
        """Record that pictures were made: by which model, from which seeds and parameters.

        With `attempt` above 0 they were to replace others; `failure` is the class of an error that left none.
        """
        public: dict[str, Json] = {
            "attempt": attempt,
            "images": {"total": len(seeds) if failure is None else 0},
            "latency_us": latency_us,
            "models": [model_fields(model)],
            "parameters": parameters,
            "seeds": [str(seed) for seed in seeds],
        }
        if failure is not None:
            public["error"] = {"class": failure}
        sealed = None if negative_prompt is None else {"negative_prompt": negative_prompt}
        self._append(new_id(), "generate", public, sealed)

    def close(
        self,
        outcome: str,
        *,
        action: str = "block",
        out: Sequence[DeliveredBytes] = (),
        error: Mapping[str, Json] | None = None,
        fault: str | None = None,
        closing_id: str | None = None,
        more: Mapping[str, Json] | None = None,
        because: Decision | None = None,
    ) -> str:
        """Record the outcome, once; it names every record before it. Returns the closing record's id.

        `fault` says why no rewrite could be used; `more` is what reviewing adds (`for_review`). `because` is
        given where the action is none that a decision before it had: the record is found by its rules too.
        """
        latency_us = (time.monotonic_ns() - self._started_ns) // 1000
        public: dict[str, Json] = {
            "action": action,
            "classifiers": list(self.coverage.classifiers),
            "images": {
                "inspected": self.coverage.images_inspected,
                "total": self.coverage.images_total,
                "uncovered": list(self.coverage.uncovered),
            },
            "latency_us": latency_us,
            "out": [each.as_json() for each in out],
            "outcome": outcome,
            "records": list(self._ids),
        }
        if error is not None:
            public["error"] = error
        if fault is not None:
            public["rewrite"] = {"fault": str(fault)}
        if more is not None:
            public |= more
        if because is not None:
            public["because"] = [{"category": hit.category, "id": hit.rule} for hit in because.rules]
        shadowed = list(dict.fromkeys(hit.rule for decision in self.decisions for hit in decision.shadow))
        if shadowed:
            public["shadowed"] = shadowed
        closing_id = closing_id or new_id()
        self._append(closing_id, "outcome", public, None)
        self._closed = True
        self._observer.outcome(self._surface, outcome, latency_us, self.coverage)
        return closing_id

    async def durable(self) -> None:
        """Wait until everything recorded so far is durable.

        Every record is asked, not only the last: a log that was full for a moment lost the early ones.

        Raises:
            AuditUnavailable: a record was lost; nothing may leave.
        """
        asked = tuple(self._pending)
        for future in reversed(asked):  # the last one is durable last: one wait for all
            if not future.done():
                await _settled(future)
            future.result()
        del self._pending[: len(asked)]

    def _append(
        self, record_id: str, stage: str, public: dict[str, Json], sealed: Mapping[str, str] | None
    ) -> None:
        if self._closed:
            raise AuditUnavailable("the trail of this request is closed; nothing was released")
        public["request"] = self._request
        public["stage"] = stage
        if not self._ids:  # who asked is sealed once, in the first record of the trail
            sealed = {"actor": self._caller.actor, **(sealed or {})}
        draft = RecordDraft("decision", record_id, public, sealed, self._caller.tenant)
        self._pending.append(self._log.append(draft))
        self._ids.append(record_id)


async def _settled(future: Future[Receipt]) -> None:
    """Wait until the log's thread has settled it; what of `asyncio.wrap_future` is needed here."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(_release, waiter)

    future.add_done_callback(wake)
    await waiter


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
