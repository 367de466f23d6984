"""The parts of reviewing, put together from the settings: the second database, its follower, the desk.

Duty: construction alone, for `wiring` and for the command that rebuilds. It starts nothing.
"""

from __future__ import annotations

from gateway.audit.reader import AuditReader
from gateway.audit.sealing import Sealer
from gateway.audit.settings import AuditSettings
from gateway.core.policies_in_force import PoliciesInForce
from gateway.core.ports import AuditLog
from gateway.review.desk import DeskSettings, ReviewDesk
from gateway.review.follow import Follower
from gateway.review.keeping import Keeping
from gateway.review.store import NAME, ReviewStore
from gateway.service.settings import ReviewSection


def build_desk(
    settings: ReviewSection,
    audit: AuditSettings,
    *,
    sealer: Sealer,
    log: AuditLog,
    policies: PoliciesInForce,
) -> ReviewDesk:
    """Return the desk over an open log, with its database open and in the newest form.

    Raises:
        ConfigurationError: the review database can't be used.
    """
    store = ReviewStore.open(settings.file or audit.folder / NAME)
    reader = AuditReader(audit.database, sealer)
    return ReviewDesk(
        settings=DeskSettings(
            lock_s=settings.lock_minutes * 60,
            undo_s=settings.undo_s,
            minors_legal_reason=settings.minors_legal_reason,
        ),
        store=store,
        follower=Follower(store, reader, sealer),
        reader=reader,
        log=log,
        policies=policies,
        keeping=Keeping(store, reader, max_bytes=settings.max_kept_bytes),
    )
