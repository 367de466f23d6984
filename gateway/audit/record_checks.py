"""The checks of one stored record, and of a request over its records. Pure: rows in, findings out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Final

from gateway.audit.canonical import RecordInvalid, canonical
from gateway.audit.record import row_of, searched
from gateway.audit.sealing import SealBroken, Sealer
from gateway.audit.tree import leaf_hash
from gateway.audit.verdicts import Findings

_SCALARS: Final = slice(1, 10)
OUTCOME: Final = "outcome"


class RecordChecks:
    """Checks rows one after the other; `finish` judges what only shows over all of them."""

    def __init__(self, findings: Findings, sealer: Sealer | None) -> None:
        self._findings = findings
        self._sealer = sealer
        self._marks = 0
        self._keyless: dict[str, int] = {}

    def check(self, row: Sequence[Any]) -> tuple[bytes, dict[str, Any] | None]:
        """Check one row of `verify`; return the leaf of its stored bytes, and the public part if it parses.

        1. The bytes are canonical JSON: nobody can give the same content a second hash.
        2. The stored leaf is the hash of the stored bytes.
        3. The searched columns say what the bytes say: a filter can't be made to lie.
        4. The sealed box is the one that the public part names, and its key is there or was erased on record.
        """
        index, stored_leaf, body, box, wrapped, kid = row[0], *row[10:15]
        if not isinstance(body, bytes):
            self._findings.add("canonical bytes", f"record {index} is stored as another type")
            body = str(body).encode(errors="surrogatepass")
        public = _parse(body)  # 1
        if public is None:
            self._findings.add("canonical bytes", f"record {index} is not canonical JSON")
        leaf = leaf_hash(body)
        if leaf != stored_leaf:  # 2
            self._findings.add("leaf", f"record {index}: the stored leaf is not that of its bytes")
        if public is not None and self._check_columns(index, row[_SCALARS], public):  # 3
            self._check_sealed(index, box, wrapped, kid, public)  # 4
        return leaf, public

    def finish(self, marks: Iterable[tuple[Any, Any, Any]]) -> None:
        """Compare the searched rules and categories, as one sum, and report keys lost without an erasure."""
        if sum(_mark_hash(*mark) for mark in marks) != self._marks:
            self._findings.add("columns", "the searched rules and categories differ from the records")
        for record_id, index in self._keyless.items():
            self._findings.add(
                "sealed", f"record {index} ({record_id}): its key is gone, and no erasure says so"
            )

    def _check_columns(self, index: int, stored: Sequence[Any], public: dict[str, Any]) -> bool:
        try:
            found = searched(public)
        except KeyError as missing:
            self._findings.add("columns", f"record {index} lacks {missing}")
            return False
        if tuple(stored) != row_of(found):
            self._findings.add("columns", f"record {index}: the searched columns differ from its bytes")
        self._marks += sum(_mark_hash(kind, value, index) for kind, value in found.marks)
        return True

    def _check_sealed(
        self, index: int, box: object, wrapped: object, kid: object, public: dict[str, Any]
    ) -> None:
        named = public.get("sealed")
        if public.get("type") == "erasure":
            erased = public.get("erased")
            for record_id in erased if isinstance(erased, list) else ():
                self._keyless.pop(str(record_id), None)
        if named is None and box is None and wrapped is None:
            return
        if not isinstance(named, dict) or not isinstance(box, bytes):
            self._findings.add("sealed", f"record {index}: its sealed part is missing, or not named by it")
        elif sha256(box).hexdigest() != named.get("ciphertext_sha256"):
            self._findings.add("sealed", f"record {index}: the sealed part was altered")
        elif not isinstance(wrapped, bytes):
            self._keyless[str(public["id"])] = index
        elif kid != named.get("kid"):
            self._findings.add("sealed", f"record {index}: its key is kept under another master key's id")
        elif self._sealer is not None:
            try:
                commitment = str(named.get("commitment"))
                self._sealer.unseal(str(public["id"]), str(public["type"]), box, wrapped, commitment)
            except SealBroken:
                self._findings.add("sealed", f"record {index}: the sealed part does not open, or is another")


def _parse(body: bytes) -> dict[str, Any] | None:
    """The public part, if `body` is its canonical form."""
    try:
        public = json.loads(body)
        return public if isinstance(public, dict) and canonical(public) == body else None
    except (ValueError, RecursionError, RecordInvalid):
        return None


def _mark_hash(kind: object, value: object, index: object) -> int:
    """A number per mark; sums of them are equal when the same marks are there, in any order."""
    return int.from_bytes(sha256(f"{kind}\x1f{value}\x1f{index}".encode()).digest(), "big")


class OpenRequests:
    """Which requests have decisions and no outcome yet. Memory grows with the open ones only.

    Clients choose their requests' ids: two tenants, or one client twice, may choose the same. So an outcome
    closes what it names (`records`), within its tenant.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], dict[str, int]] = {}
        self.still_open = 0

    def see(self, public: dict[str, Any]) -> None:
        """Take the next record; a gap closes all that was open: the process was cut there, and says so."""
        if public.get("type") == "gap" and public.get("reason") in {"unclean shutdown", "disk full"}:
            self._open.clear()
        request = public.get("request")
        if public.get("type") != "decision" or not isinstance(request, dict):
            return
        request_id, tenant = request.get("id"), request.get("tenant")
        if not isinstance(request_id, str):
            return
        key = (str(tenant), request_id)
        if public.get("stage") == OUTCOME:
            self._close(key, public.get("records"))
        else:
            time_us = public.get("time_us")
            open_records = self._open.setdefault(key, {})
            open_records[str(public.get("id"))] = time_us if isinstance(time_us, int) else 0

    def _close(self, key: tuple[str, str], named: object) -> None:
        if not isinstance(named, list) or key not in self._open:  # one that names nothing closes all
            self._open.pop(key, None)
            return
        for record_id in named:
            self._open[key].pop(str(record_id), None)
        if not self._open[key]:
            del self._open[key]

    def never_closed(self, open_since_us: int) -> Iterator[tuple[str, str]]:
        """Yield tenant and id of each request whose last record is older than that; count the younger."""
        for key, records in self._open.items():
            if max(records.values()) < open_since_us:
                yield key
            else:
                self.still_open += 1
