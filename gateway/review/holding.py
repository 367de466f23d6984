"""Held requests: everything that a release needs is kept, encrypted, before the client gets its ticket.

Duty: `gateway.core.holding.Holder` on what is kept, and the way back: the request as it came, the answer as
it will be delivered. It decides nothing and draws nothing.
"""

from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from classifiers.protocol import Mask
from gateway.core.errors import NotFound, StorageUnavailable
from gateway.core.holding import HoldRefused, SeenPicture, ToHold
from gateway.core.outcomes import Delivered, DeliveredImage, Hold, Partial
from gateway.core.requests import ImageRequest, OutputFormat, SourcePicture
from gateway.imaging.decode import decode
from gateway.imaging.encode import encode
from gateway.imaging.tile import TILE_MIME, tile
from gateway.imaging.workers import shared_workers
from gateway.review import queries
from gateway.review.codec import answer_bytes, answer_from, request_bytes, request_from
from gateway.review.keeping import Item, Keeping, KeptFull
from gateway.review.store import ReviewStore
from gateway.review.types import TicketState, TicketView

_HOUR_US: Final = 3_600_000_000
_DAY_US: Final = 24 * _HOUR_US
_JSON: Final = "application/json"
_PNG: Final = "image/png"
_FULL: Final = "It would wait for a person, but no more can be kept for review now, so it is blocked."


@dataclass(frozen=True, slots=True)
class HeldRequest:
    """A held request opened: the request as it came, and what a release delivers, once that was drawn."""

    first_record: str
    request: ImageRequest
    answer: Delivered | Partial | None


def _now_us() -> int:
    return time.time_ns() // 1000


class ReviewHolder:
    """Keeps held requests under their tickets."""

    def __init__(
        self, store: ReviewStore, keeping: Keeping, *, clock_us: Callable[[], int] = _now_us
    ) -> None:
        self._store = store
        self._keeping = keeping
        self._clock_us = clock_us

    async def hold(self, asked: ToHold) -> Hold:
        """See `gateway.core.holding.Holder`."""
        now = self._clock_us()
        deadline = now + asked.hours * _HOUR_US
        ticket = (
            asked.ticket, asked.request.caller.tenant, asked.first_record, asked.stage.value,
            TicketState.KEPT.value, now, deadline,
        )  # fmt: skip

        def also(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR IGNORE INTO tickets VALUES "
                "(?, ?, ?, ?, ?, ?, ?, 'refuse', NULL, NULL, NULL, NULL, 0)",
                ticket,
            )

        items = [Item("request", 0, _JSON, request_bytes(asked.request)), *await _sources(asked.request)]
        if asked.answer is not None:
            items += _answer_items(asked.answer)
            items += [await _tile_item(seen) for seen in asked.pictures]
        try:
            await self._keeping.put(asked.ticket, asked.first_record, items, expires_us=None, also=also)
        except KeptFull as full:
            raise HoldRefused("full", _FULL) from full
        return Hold(asked.ticket, deadline)

    async def answered(self, ticket: str, answer: Delivered | Partial) -> None:
        """See `gateway.core.holding.Holder`."""
        record = await self._first_record(ticket)
        try:
            await self._keeping.put(ticket, record, _answer_items(answer), expires_us=None)
        except KeptFull as full:
            raise StorageUnavailable(_FULL, retry_after_s=60) from full

    async def keep(
        self, case_id: str, first_record: str, request: ImageRequest, pictures: Sequence[SeenPicture]
    ) -> bool:
        """See `gateway.core.holding.Holder`."""
        now = self._clock_us()
        try:
            for seen in pictures:
                items = [await _tile_item(seen)]
                if seen.full:
                    items.append(await _full_item(seen, request))
                await self._keeping.put(case_id, first_record, items, expires_us=now + seen.days * _DAY_US)
        except KeptFull:
            return False
        return True

    async def ticket(self, ticket: str) -> TicketView | None:
        """Return where a held request stands, or None when there is no such ticket."""
        return await self._store.read(lambda c: queries.ticket_of(c, ticket))

    async def opened(self, ticket: str) -> HeldRequest:
        """Return what is kept of a held request.

        Raises:
            NotFound: nothing of it is kept any more, or its record was erased.
            StorageUnavailable: what is kept was altered.
        """
        record = await self._first_record(ticket)
        kept = await self._keeping.opened(ticket, "request")
        request = request_from(kept.content, await self._source(ticket))
        answer = None
        if await self._keeping.places(ticket, "answer"):
            told = (await self._keeping.opened(ticket, "answer")).content
            places = await self._keeping.places(ticket, "full")
            pictures = {at: (await self._keeping.opened(ticket, "full", at)).content for at in places}
            try:
                answer = answer_from(told, pictures)
            except KeyError as cause:
                raise NotFound("A picture of it is not kept any more.") from cause
        return HeldRequest(record, request, answer)

    async def _source(self, ticket: str) -> SourcePicture | None:
        if not await self._keeping.places(ticket, "source"):
            return None
        pixels = await decode((await self._keeping.opened(ticket, "source")).content)
        mask: Mask | None = None
        if await self._keeping.places(ticket, "mask"):
            mask = (await decode((await self._keeping.opened(ticket, "mask")).content))[:, :, 0] > 127
        return SourcePicture(pixels, mask)

    async def _first_record(self, ticket: str) -> str:
        row = await self._store.read(
            lambda c: c.execute("SELECT record FROM tickets WHERE id = ?", (ticket,)).fetchone()
        )
        if row is None:
            raise NotFound("There is no such ticket.", param="ticket")
        return str(row["record"])


def _answer_items(answer: Delivered | Partial) -> list[Item]:
    pictures = [Item("full", image.index, _mime(image), image.content) for image in answer.images]
    return [Item("answer", 0, _JSON, answer_bytes(answer)), *pictures]


async def _sources(request: ImageRequest) -> list[Item]:
    source = request.source
    if source is None:
        return []
    png = functools.partial(encode, source.pixels, OutputFormat.PNG)
    small = await shared_workers().run(functools.partial(tile, source.pixels))
    items = [
        Item("source", 0, _PNG, await shared_workers().run(png)),
        Item("tile", 0, TILE_MIME, small),
    ]
    if source.mask is not None:
        grey = np.repeat((source.mask.astype(np.uint8) * 255)[:, :, None], 3, axis=2)
        drawn = await shared_workers().run(functools.partial(encode, grey, OutputFormat.PNG))
        items.append(Item("mask", 0, _PNG, drawn))
    return items


async def _tile_item(seen: SeenPicture) -> Item:
    small = await shared_workers().run(functools.partial(tile, seen.pixels))
    return Item("tile", seen.index, TILE_MIME, small)


async def _full_item(seen: SeenPicture, request: ImageRequest) -> Item:
    work = functools.partial(encode, seen.pixels, request.output_format, request.output_compression)
    return Item("full", seen.index, f"image/{request.output_format.value}", await shared_workers().run(work))


def _mime(image: DeliveredImage) -> str:
    return f"image/{image.format.value}"


@dataclass(frozen=True, slots=True)
class HeldState:
    """What a client gets to know of its held request. `held` is there once it was released."""

    ticket: TicketView
    held: HeldRequest | None


async def held_state(holder: ReviewHolder, ticket: str, tenant: str) -> HeldState:
    """Return where a held request stands, to its own tenant alone; released, with what it delivers.

    Raises:
        NotFound: no such ticket in this tenant, or the time to fetch it is over.
        StorageUnavailable, AuditUnavailable: it can't be read now.
    """
    found = await holder.ticket(ticket)
    if found is None or found.tenant != tenant:
        raise NotFound("There is no such ticket in this tenant.", param="ticket")
    if found.state is not TicketState.RELEASED:
        return HeldState(found, None)
    held = await holder.opened(ticket)
    if held.answer is None:
        raise NotFound("The time to fetch it is over; ask again.", param="ticket")
    return HeldState(found, held)
