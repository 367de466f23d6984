"""The log as the HTTP surface reads it: filters in, pages of public parts out. Reads off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.audit.reader import AuditReader, RecordFilter, StoredRecord
from gateway.errors import NotFound, RequestInvalid
from gateway.ports import Json
from gateway.surface import AuditPage


class Records:
    """Pages and single records; only public parts, never what is sealed."""

    def __init__(self, reader: AuditReader) -> None:
        self._reader = reader

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
    return {**public, "index": record.index, "leaf": record.leaf.hex(), "tenant": tenant}
