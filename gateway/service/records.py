"""The log as the HTTP surface reads it: filters in, pages of public parts out. Reads off the event loop.

Sealed text leaves through one door, which puts on record first who looked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from gateway.api.surface import AuditPage, Unsealed
from gateway.audit.filters import RecordFilter
from gateway.audit.reader import AuditReader, StoredRecord
from gateway.audit.record import new_id
from gateway.core.errors import AuditUnavailable, NotFound, RequestInvalid
from gateway.core.ports import AuditLog, Json, RecordDraft
from gateway.core.requests import Caller

_DURABLE_WITHIN_S: Final = 10.0
"""How long a look waits for its own record; a log that hangs opens nothing."""


class Records:
    """Pages, single records with their proofs, and, on record, what is sealed."""

    def __init__(self, reader: AuditReader, log: AuditLog) -> None:
        self._reader = reader
        self._log = log

    async def page(self, filters: RecordFilter, cursor: str | None, limit: int) -> AuditPage:
        """Return one page, newest first.

        Raises:
            RequestInvalid: the cursor is not one of ours.
            AuditUnavailable: the log can't be read.
        """
        after = _index(cursor)
        found = await asyncio.to_thread(self._reader.records, filters, cursor=after, limit=limit)
        following = None if found.next_cursor is None else str(found.next_cursor)
        return AuditPage(tuple(_shown(record) for record in found.records), following)

    async def one(self, record_id: str) -> Mapping[str, Json] | None:
        """Return one record, or None. Raises AuditUnavailable."""
        try:
            return _shown(await asyncio.to_thread(self._reader.get, record_id))
        except NotFound:
            return None

    async def proof(self, record_id: str) -> str:
        """Return the record's proof. Raises NotFound, Conflict (no head covers it yet), AuditUnavailable."""
        return await asyncio.to_thread(self._reader.proof, record_id)

    async def unseal(self, record_id: str, caller: Caller) -> Unsealed:
        """Open one record's sealed part for `caller`.

        1. There is something to open.
        2. Who looked, and at what, is durable.
        3. Open it.

        Raises:
            NotFound: no such record, nothing sealed in it, or erased.
            AuditUnavailable: the access can't be recorded, or the part does not open.
        """
        public = (await asyncio.to_thread(self._reader.get, record_id)).public  # 1
        if "sealed" not in public:
            raise NotFound("Nothing is sealed in this record.", param="record_id")
        looked = RecordDraft(  # 2
            "access",
            new_id(),
            {"surface": "http", "records": [record_id]},
            {"actor": caller.actor},
            tenant=str(public["tenant"]),
        )
        try:
            async with asyncio.timeout(_DURABLE_WITHIN_S):
                await asyncio.wrap_future(self._log.append(looked))
        except TimeoutError as error:
            raise AuditUnavailable("The look could not be put on record, so nothing was opened.") from error
        fields = await asyncio.to_thread(self._reader.unseal, record_id)  # 3
        return Unsealed(record_id, looked.id, fields)

    def close(self) -> None:
        """Close the reading connection."""
        self._reader.close()


def _index(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise RequestInvalid("cursor: give the next_cursor of a page, or leave it out.", param="cursor")
    return int(cursor)


def _shown(record: StoredRecord) -> Mapping[str, Json]:
    """The public part with its place, its leaf hash and, for the access check, its tenant."""
    public = record.public
    request = public.get("request")
    tenant = request.get("tenant") if isinstance(request, Mapping) else None
    if record.type == "access":  # who looked into a tenant's text is that tenant's to know
        tenant = public.get("tenant")
    return {**public, "index": record.index, "leaf": record.leaf.hex(), "tenant": tenant}
