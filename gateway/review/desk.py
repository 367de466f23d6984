"""The desk: what a reviewer can see and do, for the page, the API and the command alike.

Duty: rights, locks and order. Each look at sealed text or a kept picture, and each act, is a durable record
before anything is shown or happens. Where things lie is `queries`, what acts mean is `folding`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.audit.reader import AuditReader, StoredRecord
from gateway.audit.record import new_id
from gateway.core.errors import (
    AuditUnavailable,
    Conflict,
    Forbidden,
    NotFound,
    PolicyUnavailable,
    RequestInvalid,
)
from gateway.core.policies_in_force import PoliciesInForce
from gateway.core.ports import AuditLog, Json, RecordDraft
from gateway.review import queries
from gateway.review.follow import Follower
from gateway.review.keeping import Keeping
from gateway.review.proving import Prover
from gateway.review.records import act_draft, reviewer_tag
from gateway.review.rights import check_form, check_rights, is_blind, shown_to
from gateway.review.store import ReviewStore
from gateway.review.types import (
    Act,
    ActDone,
    ActRefused,
    ActRequest,
    BulkDone,
    CaseDetail,
    CaseLock,
    CaseRow,
    CaseState,
    OpenedPicture,
    OpenedTexts,
    QueueCount,
    QueuePage,
    QueueQuery,
    Reviewer,
    TicketState,
)

_DURABLE_WITHIN_S: Final = 10.0
_USER_DAYS_US: Final = 30 * 86_400_000_000
_SECOND_US: Final = 1_000_000
_MAX_BULK: Final = 200


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """How the desk works: seconds that a lock and an undo last, and why minors' cases may be labelled."""

    lock_s: float = 600.0
    undo_s: float = 10.0
    minors_legal_reason: str | None = None


def _now_us() -> int:
    return time.time_ns() // 1000


class ReviewDesk:
    """One desk for all reviewers of this process."""

    def __init__(
        self,
        *,
        settings: DeskSettings,
        store: ReviewStore,
        follower: Follower,
        reader: AuditReader,
        log: AuditLog,
        policies: PoliciesInForce,
        keeping: Keeping,
        prover: Prover,
        clock_us: Callable[[], int] = _now_us,
    ) -> None:
        self.store = store
        self.follower = follower
        self.prover = prover
        self._settings = settings
        self._labels_minors = bool(settings.minors_legal_reason)
        self._reader = reader
        self._log = log
        self._policies = policies
        self._keeping = keeping
        self._clock_us = clock_us
        self.acting = asyncio.Lock()
        """Held while an act is recorded and while a held request is taken up: no undo is overlooked."""

    # --- what there is --------------------

    async def queue(self, who: Reviewer, asked: QueueQuery) -> QueuePage:
        """Return cases that wait, in the order in which they should be worked on.

        Raises:
            RequestInvalid: a limit or cursor that is none of ours.
            Forbidden: another tenant than the reviewer's own.
        """
        if who.tenant is not None and asked.tenant not in (None, who.tenant):
            raise Forbidden("tenant: this key reviews its own tenant only.", param="tenant")
        await self.follower.catch_up()
        now = self._clock_us()
        return await self.store.read(lambda c: queries.page(c, who, asked, now))

    async def counts(self, who: Reviewer) -> tuple[QueueCount, ...]:
        """Return each queue with what waits in it."""
        await self.follower.catch_up()
        now = self._clock_us()
        return await self.store.read(lambda c: queries.counts(c, who, now))

    async def case(self, who: Reviewer, case_id: str) -> CaseDetail:
        """Return a whole case, but for sealed text and pictures.

        Raises:
            NotFound: no such case in the reviewer's tenant.
        """
        await self.follower.catch_up()
        now = self._clock_us()

        def query(connection: Any) -> tuple[Any, ...]:
            row = queries.one(connection, who, case_id, now)
            return (
                row,
                queries.acts_on(connection, case_id),
                queries.kept_for(connection, case_id),
                queries.ticket_of(connection, case_id),
                queries.user_numbers(connection, case_id, now - _USER_DAYS_US),
            )

        row, acts, kept, ticket, user = await self.store.read(query)
        records = await asyncio.to_thread(self._records, row)
        blind = is_blind(row, acts, who)
        return CaseDetail(
            row=row,
            records=tuple(
                {**r.public, "index": r.index, "leaf": r.leaf.hex()}
                for r in records
                if not blind or _is_own(r, who)
            ),
            acts=shown_to(acts, who, blind=blind),
            kept=() if row.minors and not self._labels_minors else kept,
            ticket=ticket,
            user=user,
            lock=queries.lock_of(row, who),
            blind=blind,
            reason_needed=self._reason_needed(row),
        )

    # --- having a case in hand --------------------

    async def open_case(self, who: Reviewer, case_id: str) -> CaseLock:
        """Take a case in hand, or keep it for another while; `acquired` is false while another has it.

        Raises:
            NotFound: no such case in the reviewer's tenant.
        """
        now = self._clock_us()
        await self.store.read(lambda c: queries.one(c, who, case_id, now))
        until = now + round(self._settings.lock_s * _SECOND_US)
        return await self.store.write(lambda c: queries.take_lock(c, case_id, who.key_id, now, until))

    async def next_case(self, who: Reviewer, queue: str | None = None) -> CaseLock | None:
        """Take the first case in hand that is free; None when there is none.

        Cases of the minors' queue come only when that queue is named.
        """
        await self.follower.catch_up()
        now = self._clock_us()
        for case_id in await self.store.read(lambda c: queries.free_cases(c, who, queue, now)):
            lock = await self.open_case(who, case_id)
            if lock.acquired:
                return lock
        return None

    async def free(self, who: Reviewer, case_id: str) -> None:
        """Give a case back; nothing happens when the reviewer does not have it."""
        await self.store.write(
            lambda c: (
                c.execute(
                    "DELETE FROM locks WHERE case_id = ? AND reviewer = ?", (case_id, who.key_id)
                ).rowcount
            )
        )

    # --- looking, on record --------------------

    async def texts(self, who: Reviewer, case_id: str) -> OpenedTexts:
        """Open the sealed texts of a case: prompts, rewrites, who asked. The look is on record first.

        Raises:
            NotFound: no such case in the reviewer's tenant.
            AuditUnavailable: the look can't be recorded; nothing is opened.
        """
        row = await self._visible(who, case_id)
        records = [r for r in await asyncio.to_thread(self._records, row) if "sealed" in r.public]
        blind = await self._blind(row, who)
        wanted = [r for r in records if not blind or _is_own(r, who)]
        access = await self._look(who, row, {"records": [r.id for r in wanted]})
        fields: dict[str, Mapping[str, str]] = {}
        erased: list[str] = []
        for record in wanted:
            try:
                fields[record.id] = await asyncio.to_thread(self._reader.unseal, record.id)
            except NotFound:
                erased.append(record.id)
        return OpenedTexts(access, fields, tuple(erased))

    async def picture(self, who: Reviewer, case_id: str, picture: int, kind: str = "tile") -> OpenedPicture:
        """Open a kept picture, `tile`, `full` or `source`. The look is on record first.

        Raises:
            NotFound: no such case, or nothing of it is kept any more.
            Forbidden: what a minors lock caught is not shown.
            AuditUnavailable: the look can't be recorded; nothing is opened.
        """
        row = await self._visible(who, case_id)
        if row.minors and not self._labels_minors:
            raise Forbidden("What a lock on minors caught is never shown; escalate it without viewing.")
        if kind not in {"tile", "full", "source"}:
            raise RequestInvalid("kind: must be tile, full or source.", param="kind")
        await self._keeping.require(case_id, kind, picture)
        access = await self._look(who, row, {"picture": picture, "kind": kind})
        kept = await self._keeping.opened(case_id, kind, picture)
        return OpenedPicture(access, kept.mime, kept.content)

    # --- acting --------------------

    async def act(self, who: Reviewer, case_id: str, asked: ActRequest) -> ActDone:
        """Put an act on record; its effect, if it has one, leaves after the time for undoing.

        Raises:
            NotFound: no such case in the reviewer's tenant.
            RequestInvalid: the act lacks what it needs, or does not fit the case.
            Forbidden: only a lead may, or nobody may for what concerns minors.
            Conflict: another reviewer has the case in hand, or it is decided.
            AuditUnavailable: it could not be recorded; nothing happened.
        """
        async with self.acting:
            await self.follower.catch_up()
            row = await self._visible(who, case_id)
            acts = await self.store.read(lambda c: queries.acts_on(c, case_id))
            check_form(asked)
            await self._require_waiting(case_id, asked)
            check_rights(row, acts, who, asked, labels_minors=self._labels_minors)
            if asked.act in self._reason_needed(row) and not asked.reason:
                raise RequestInvalid(f"reason: the policy asks for one with {asked.act}.", param="reason")
            effective = self._clock_us() + round(self._settings.undo_s * _SECOND_US)
            return await self._recorded(
                act_draft(row, who, asked, effective_us=effective), asked.act, effective
            )

    async def act_many(self, who: Reviewer, case_ids: Sequence[str], asked: ActRequest) -> BulkDone:
        """Put the same act on record for each case, one record a case; what can't be done is told with why.

        Raises:
            RequestInvalid: more than 200 cases.
            AuditUnavailable: the log takes no record; what was done before it is done.
        """
        if len(case_ids) > _MAX_BULK:
            raise RequestInvalid(f"cases: at most {_MAX_BULK} at once.", param="cases")
        done: list[ActDone] = []
        refused: list[ActRefused] = []
        for case_id in dict.fromkeys(case_ids):
            try:
                done.append(await self.act(who, case_id, asked))
            except (NotFound, RequestInvalid, Forbidden, Conflict) as error:
                refused.append(ActRefused(case_id, error.message))
        return BulkDone(tuple(done), tuple(refused))

    async def undo(self, who: Reviewer, act_id: str) -> ActDone:
        """Take an act back before its effect leaves: another record, by who did it or by a lead.

        Raises:
            NotFound: no such act in the reviewer's tenant.
            Forbidden: it is another reviewer's.
            Conflict: it was undone before, or its time is over.
        """
        async with self.acting:
            await self.follower.catch_up()
            case_id = await self.store.read(lambda c: _case_of_act(c, act_id))
            row = await self._visible(who, case_id)
            acts = await self.store.read(lambda c: queries.acts_on(c, case_id))
            act = next(one for one in acts if one.id == act_id)
            if act.act is Act.UNDO:
                raise RequestInvalid("act: an undo can't be undone; act again.", param="act")
            if act.reviewer != who.key_id and not who.lead:
                raise Forbidden("Only who did it, or a lead, can undo it.")
            now = self._clock_us()
            if act.undone_by is not None or now >= act.effective_us:
                raise Conflict("It was undone before, or its time for undoing is over.")
            draft = act_draft(row, who, ActRequest(Act.UNDO), effective_us=now, undoes=act_id)
            return await self._recorded(draft, Act.UNDO, now)

    def close(self) -> None:
        """Close what the desk reads and writes; idempotent."""
        self._reader.close()
        self.store.close()

    # --- inside --------------------

    async def _visible(self, who: Reviewer, case_id: str) -> CaseRow:
        now = self._clock_us()
        return await self.store.read(lambda c: queries.one(c, who, case_id, now))

    async def _require_waiting(self, case_id: str, asked: ActRequest) -> None:
        """Refuse to release or refuse what is being ended already, by its deadline or by another act."""
        if asked.act in (Act.RELEASE, Act.REFUSE):
            ticket = await self.store.read(lambda c: queries.ticket_of(c, case_id))
            if ticket is not None and ticket.state not in (TicketState.KEPT, TicketState.WAITING):
                raise Conflict("Only a held request that still waits can be released or refused.")

    async def _blind(self, row: CaseRow, who: Reviewer) -> bool:
        acts = await self.store.read(lambda c: queries.acts_on(c, row.id))
        return is_blind(row, acts, who)

    async def _look(self, who: Reviewer, row: CaseRow, what: Mapping[str, Json]) -> str:
        draft = RecordDraft(
            "access",
            new_id(),
            {"case": row.id, "surface": "review", **what},
            {"actor": who.key_id},
            row.tenant,
        )
        await self._durable(draft, "The look could not be put on record, so nothing was opened.")
        return draft.id

    async def _recorded(self, draft: RecordDraft, act: Act, effective_us: int) -> ActDone:
        case_id = str(draft.public["case"])
        await self._durable(draft, "The act could not be put on record, so nothing happened.")
        await self.follower.catch_up()
        (state,) = await self.store.read(
            lambda c: c.execute("SELECT state FROM cases WHERE id = ?", (case_id,)).fetchone()
        )
        return ActDone(draft.id, case_id, act, effective_us, CaseState(state))

    async def _durable(self, draft: RecordDraft, refusal: str) -> None:
        try:
            async with asyncio.timeout(_DURABLE_WITHIN_S):
                await asyncio.wrap_future(self._log.append(draft))
        except TimeoutError as error:
            raise AuditUnavailable(refusal) from error

    def _records(self, row: CaseRow) -> list[StoredRecord]:
        """The request's own records, what people did, and what came of a release; in the log's order.

        Clients choose their requests' ids: what belongs together is what the closing records name.
        """
        trail = self._reader.trail(row.request_id, tenant=row.tenant)
        closings = [
            r.public for r in trail if r.id == row.id or r.public.get("ticket") == row.id
        ]  # fmt: skip
        named = {str(one) for closing in closings for one in (closing["id"], *closing.get("records", ()))}
        return [r for r in trail if r.id in named or (r.type == "review" and r.public.get("case") == row.id)]

    def _reason_needed(self, row: CaseRow) -> tuple[Act, ...]:
        try:
            policy = self._policies.get(row.policy)
        except PolicyUnavailable:
            return ()
        return tuple(Act(word) for word in policy.review.reason_for)


def _is_own(record: StoredRecord, who: Reviewer) -> bool:
    """Whether a record is no act, or this reviewer's own."""
    return record.type != "review" or record.public.get("reviewer") == reviewer_tag(who.key_id)


def _case_of_act(connection: Any, act_id: str) -> str:
    row = connection.execute("SELECT case_id FROM acts WHERE id = ?", (act_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such act.", param="act_id")
    return str(row["case_id"])
