"""What follows an act, done in the background: released requests go on, held ones end, webhooks are sent.

The order is the safety, and each step can be done again after a crash between any two:
  1. the act, or the deadline, is in the log, and its time for undoing is over
  2. the ticket is taken up; from here on nothing undoes it
  3. what is not drawn yet is drawn, judged, and kept under the ticket before that is on record
  4. one `review` record settles the request; until it is durable nothing leaves
  5. the ticket says released or refused, and the outbox has it to tell
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.audit.reader import AuditReader
from gateway.core.errors import AuditUnavailable, GatewayError, NotFound, StorageUnavailable
from gateway.core.outcomes import Blocked, Delivered, Held, Outcome, Partial
from gateway.core.ports import AuditLog, Json
from gateway.core.requests import ImageRequest
from gateway.review import folding, queries
from gateway.review.follow import Follower, acts_that_count
from gateway.review.holding import ReviewHolder
from gateway.review.keeping import Keeping
from gateway.review.outbox import Event, Outbox
from gateway.review.records import Settlement, settle_draft
from gateway.review.store import ReviewStore
from gateway.review.types import Act, CaseRow, CaseState, Reviewer, TicketState
from policies.decision import Stage

_log = logging.getLogger(__name__)
_EVERY_S: Final = 1.0
_TRIES: Final = 5
_RETRY_S: Final = 30.0
_ORPHANED_US: Final = 3_600_000_000
_SWEEP_EVERY_S: Final = 300.0
_SECOND_US: Final = 1_000_000
_ANYONE: Final = Reviewer("", lead=True, tenant=None)
REFUSED: Final = "A person looked at it and did not release it."
TOO_LATE: Final = "Nobody decided in time, so it was not released."
FAILED: Final = "It was released, but could not be drawn."
LOST: Final = "It was held, but what was kept of it is gone."


class Redraw(Protocol):
    """Goes on with a released request; see `gateway.pipeline.run.Pipeline.release`."""

    def __call__(
        self, request: ImageRequest, ticket: str, first_record: str, stage: Stage
    ) -> Awaitable[Outcome]:
        """Draw and judge; what may leave is kept under the ticket."""
        ...


@dataclass(frozen=True, slots=True)
class _Due:
    """A ticket whose time has come: what was decided (None: its deadline passed)."""

    case: CaseRow
    stage: Stage
    decided: folding.Done | None
    taken_up: bool


def _now_us() -> int:
    return time.time_ns() // 1000


class Clerk:
    """One per process; `step` does what is due, `run` does so until it is cancelled."""

    def __init__(
        self,
        *,
        store: ReviewStore,
        follower: Follower,
        reader: AuditReader,
        log: AuditLog,
        holder: ReviewHolder,
        keeping: Keeping,
        outbox: Outbox,
        redraw: Redraw,
        acting: asyncio.Lock,
        answer_days: int,
        clock_us: Callable[[], int] = _now_us,
    ) -> None:
        self._store = store
        self._follower = follower
        self._reader = reader
        self._log = log
        self._holder = holder
        self._keeping = keeping
        self._outbox = outbox
        self._redraw = redraw
        self._acting = acting
        self._answer_us = answer_days * 86_400 * _SECOND_US
        self._clock_us = clock_us
        self._tries: dict[str, int] = {}
        self._not_before_s: dict[str, float] = {}
        self._swept_s = float("-inf")

    async def run(self) -> None:
        """Work until cancelled; a disk or a log that fails is tried again."""
        while True:
            try:
                await self.step()
            except (AuditUnavailable, StorageUnavailable) as error:
                _log.warning("review: %s", error.code)
            await asyncio.sleep(_EVERY_S)

    async def step(self) -> int:
        """Do everything that is due now; return how many held requests ended.

        Raises:
            AuditUnavailable, StorageUnavailable: then what was begun goes on with the next step.
        """
        await self._follower.catch_up()
        if time.monotonic() - self._swept_s >= _SWEEP_EVERY_S:
            self._swept_s = time.monotonic()
            await self._sweep()
        ended = 0
        for due in await self._take_up():
            ended += await self._go_on(due)
        await self._tell()
        await self._outbox.send_due()
        return ended

    # --- 1 and 2 ----------------------------------------------------------------

    async def _take_up(self) -> list[_Due]:
        """Find what is due, and take it up under the desk's lock, so that no undo comes after."""
        async with self._acting:
            await self._follower.catch_up()
            now = self._clock_us()
            found = await self._store.read(lambda c: _due(c, now))
            fresh = [due.case.id for due in found if not due.taken_up]
            if fresh:
                await self._store.write(
                    lambda c: (
                        c.executemany(
                            "UPDATE tickets SET state = 'releasing' WHERE id = ?", [(one,) for one in fresh]
                        ).rowcount
                    )
                )
        ready = time.monotonic()
        return [due for due in found if self._not_before_s.get(due.case.id, 0.0) <= ready]

    # --- 3 and 4 ----------------------------------------------------------------

    async def _go_on(self, due: _Due) -> bool:
        decided = due.decided
        if decided is None:
            return await self._settle(due, Settlement("refused", None, "deadline"), TOO_LATE)
        if decided.act is Act.REFUSE:
            return await self._settle(due, Settlement("refused", decided.id), REFUSED)
        try:
            return await self._release(due, decided)
        except NotFound:
            return await self._settle(due, Settlement("refused", decided.id, "lost"), LOST)
        except (AuditUnavailable, StorageUnavailable):
            raise  # the next step tries again, for as long as it takes
        except GatewayError as error:
            return await self._failed(due, decided, error)

    async def _release(self, due: _Due, decided: folding.Done) -> bool:
        held = await self._holder.opened(due.case.id)
        if held.answer is None or not await self._is_on_record(due, held.answer):
            outcome = await self._redraw(held.request, due.case.id, held.first_record, due.stage)  # 3
            if isinstance(outcome, Held):
                self._forget(due.case.id)
                await self._follower.catch_up()  # it waits again, under the same ticket
                return False
            if isinstance(outcome, Blocked):
                return await self._settle(due, Settlement("refused", decided.id, "blocked"), outcome.reason)
            held = await self._holder.opened(due.case.id)
        assert held.answer is not None
        return await self._settle(due, Settlement("released", decided.id, None, _out(held.answer)), None)

    async def _is_on_record(self, due: _Due, answer: Delivered | Partial) -> bool:
        """Whether what is kept may be delivered: held pictures by the hold's record, drawn ones by theirs.

        After a crash between keeping and recording there is no such record, and it is drawn again.
        """
        if due.stage is Stage.IMAGE:
            return True
        trail = await asyncio.to_thread(self._reader.trail, due.case.request_id, tenant=due.case.tenant)
        drawn = [str(out["sha256"]) for out in _out(answer)]
        return any(
            r.public.get("ticket") == due.case.id
            and [out["sha256"] for out in r.public.get("out") or ()] == drawn
            for r in trail
            if r.type == "decision" and drawn
        )

    async def _failed(self, due: _Due, decided: folding.Done, error: GatewayError) -> bool:
        """Try again later, five times; then it ends, and says why."""
        tries = self._tries[due.case.id] = self._tries.get(due.case.id, 0) + 1
        if tries < _TRIES:
            self._not_before_s[due.case.id] = time.monotonic() + _RETRY_S * tries
            return False
        return await self._settle(due, Settlement("refused", decided.id, error.code), FAILED)

    async def _settle(self, due: _Due, settlement: Settlement, reason: str | None) -> bool:
        draft = settle_draft(due.case, settlement)
        if reason is not None:
            await self._store.write(
                lambda c: (
                    c.execute("UPDATE tickets SET reason = ? WHERE id = ?", (reason, due.case.id)).rowcount
                )
            )
        await asyncio.wrap_future(self._log.append(draft))  # 4
        self._forget(due.case.id)
        await self._follower.catch_up()  # 5: the follower brings the ticket to where the record says
        return True

    def _forget(self, ticket: str) -> None:
        self._tries.pop(ticket, None)
        self._not_before_s.pop(ticket, None)

    # --- 5 ----------------------------------------------------------------

    async def _tell(self) -> None:
        """Put into the outbox what it was not told of the tickets; what ended is kept for a while only."""
        now = self._clock_us()

        def change(connection: sqlite3.Connection) -> None:
            untold = connection.execute(
                "SELECT * FROM tickets WHERE (state = 'waiting' AND told = 0) "
                "OR (state IN ('released', 'refused') AND told < 2)"
            ).fetchall()
            for row in untold:
                self._outbox.put(connection, _event(row))
                over = row["state"] != TicketState.WAITING
                connection.execute(
                    "UPDATE tickets SET told = ?, expires_us = ? WHERE id = ?",
                    (2 if over else 1, now + self._answer_us if over else None, row["id"]),
                )
                if over:
                    connection.execute(
                        "UPDATE kept SET expires_us = ? WHERE case_id = ? AND expires_us IS NULL",
                        (now + self._answer_us, row["id"]),
                    )

        if await self._store.read(_has_untold):
            await self._store.write(change)

    async def _sweep(self) -> None:
        """Delete what is past its time, and what was kept for a hold that never came on record."""
        await self._keeping.sweep()
        before = self._clock_us() - _ORPHANED_US

        def change(connection: sqlite3.Connection) -> None:
            orphans = connection.execute(
                "SELECT id FROM tickets WHERE state = 'kept' AND kept_us < ?", (before,)
            ).fetchall()
            for row in orphans:
                connection.execute("DELETE FROM kept WHERE case_id = ?", (row["id"],))
                connection.execute("DELETE FROM tickets WHERE id = ?", (row["id"],))
            connection.execute("DELETE FROM locks WHERE until_us < ?", (before,))

        await self._store.write(change)


def _due(connection: sqlite3.Connection, now_us: int) -> list[_Due]:
    rows = connection.execute(
        "SELECT t.*, c.since_idx, c.wants_second FROM tickets t JOIN cases c ON c.id = t.id "
        "WHERE t.state = 'releasing' OR (t.state = 'waiting' AND (c.state = ? OR t.deadline_us <= ?))",
        (CaseState.DECIDED.value, now_us),
    ).fetchall()
    found: list[_Due] = []
    for row in rows:
        acts = acts_that_count(connection, row["id"], row["since_idx"])
        now = folding.standing(acts, wants_second=bool(row["wants_second"]))
        taken_up = row["state"] == TicketState.RELEASING
        if now.decided is not None and now.decided.effective_us > now_us and not taken_up:
            continue  # it can still be undone
        if now.decided is None and row["deadline_us"] > now_us:
            continue
        case = queries.one(connection, _ANYONE, row["id"], now_us)
        found.append(_Due(case, Stage(row["stage"]), now.decided, taken_up))
    return found


def _has_untold(connection: sqlite3.Connection) -> bool:
    sql = (
        "SELECT 1 FROM tickets WHERE (state = 'waiting' AND told = 0) "
        "OR (state IN ('released', 'refused') AND told < 2) LIMIT 1"
    )
    return connection.execute(sql).fetchone() is not None


def _event(row: sqlite3.Row) -> Event:
    state = str(row["state"])
    told: dict[str, Json] = {"ticket": row["id"], "tenant": row["tenant"]}
    if state == TicketState.WAITING:
        return Event("held", row["tenant"], row["id"], {**told, "deadline": row["deadline_us"] // _SECOND_US})
    if state == TicketState.REFUSED:
        told["reason"] = row["reason"]
    return Event(state, row["tenant"], row["id"], told)


def _out(answer: Delivered | Partial) -> tuple[dict[str, Json], ...]:
    images: Sequence[object] = answer.images
    assert images
    return tuple(
        {
            "bytes": len(image.content),
            "index": image.index,
            "mime": f"image/{image.format.value}",
            "sha256": hashlib.sha256(image.content).hexdigest(),
            **({} if image.likeness is None else {"perceptual_hash": image.likeness}),
        }
        for image in answer.images
    )
