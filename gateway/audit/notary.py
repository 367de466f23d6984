"""When and how heads are signed: re-read, re-hash, compare, sign, write outside, keep. It runs no thread."""

from __future__ import annotations

import time

from gateway.audit.checkpoint import Head, Signer
from gateway.audit.heads import HeadsFile, LastHead
from gateway.audit.settings import BATCH_LIMIT
from gateway.audit.store import SignedHead, Store
from gateway.audit.tree import Frontier
from gateway.core.errors import AuditCorrupt


class Notary:
    """Signs the heads of one log."""

    def __init__(self, signer: Signer, heads: HeadsFile, last: LastHead, interval_s: float) -> None:
        self._signer = signer
        self._heads = heads
        self._last = last
        self._interval_s = interval_s
        self._last_s = time.monotonic()

    @staticmethod
    def news(store: Store) -> int:
        """How many records no head covers; 1 for a new log, whose empty head is signed too."""
        return store.frontier.size - (store.signed.edge.size if store.signed else -1)

    def due_in_s(self, store: Store) -> float:
        """Seconds until a head is to be signed; infinite while nothing is new."""
        new = self.news(store)
        if new <= 0:
            return float("inf")
        if new >= BATCH_LIMIT:
            return 0.0
        return max(0.0, self._last_s + self._interval_s - time.monotonic())

    def sign(self, store: Store) -> None:
        """Sign the log as it is on disk.

        1. Re-read and re-hash every record since the last signed head, on top of that head's edge.
        2. Compare with the tree that the receipts came from.
        3. Sign; write the head in both places outside the database first, then keep it inside.

        Raises:
            AuditCorrupt: what is stored is not what was written.
            OSError, sqlite3.Error: the log must not be used further.
        """
        edge = store.signed.edge.copy() if store.signed else Frontier()
        for leaf in store.leaves_since(edge.size):  # 1
            edge.add(leaf)
        root = edge.root()
        if edge.size != store.frontier.size or root != store.frontier.root():  # 2
            raise AuditCorrupt("the stored records are not those that were written")
        note = self._signer.sign(Head(edge.size, root))  # 3
        self._heads.append(note)
        self._last.keep(note)
        store.keep_signed(SignedHead(edge, root, note))
        self._last_s = time.monotonic()
