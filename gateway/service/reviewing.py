"""The parts of reviewing, put together from the settings: the second database, its follower, the desk.

Duty: construction alone, for `wiring` and for the command that rebuilds. It starts nothing.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.audit.reader import AuditReader
from gateway.audit.sealing import Sealer
from gateway.audit.settings import AuditSettings
from gateway.core.errors import ConfigurationError
from gateway.core.policies_in_force import PoliciesInForce
from gateway.core.ports import AuditLog
from gateway.review.clerk import Clerk, Redraw
from gateway.review.desk import DeskSettings, ReviewDesk
from gateway.review.follow import Follower
from gateway.review.holding import ReviewHolder
from gateway.review.keeping import Keeping
from gateway.review.outbox import Hook, Outbox
from gateway.review.posting import HttpPost, checked_url
from gateway.review.proving import Prover
from gateway.review.store import NAME, ReviewStore
from gateway.service.settings import ReviewSection

_SECRET_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Reviewing:
    """What reviewing lives on. `clerk` is made once there is something that draws."""

    settings: ReviewSection
    desk: ReviewDesk
    holder: ReviewHolder
    keeping: Keeping
    reader: AuditReader
    log: AuditLog
    outbox: Outbox
    post: HttpPost

    def clerk(self, redraw: Redraw) -> Clerk:
        """Return what does in the background that which follows an act."""
        return Clerk(
            store=self.desk.store,
            follower=self.desk.follower,
            reader=self.reader,
            log=self.log,
            holder=self.holder,
            keeping=self.keeping,
            outbox=self.outbox,
            redraw=redraw,
            acting=self.desk.acting,
            answer_days=self.settings.answer_days,
        )


def build_reviewing(
    settings: ReviewSection,
    audit: AuditSettings,
    *,
    sealer: Sealer,
    log: AuditLog,
    policies: PoliciesInForce,
) -> Reviewing:
    """Return the parts over an open log, with their database open and in the newest form.

    Raises:
        ConfigurationError: the review database, or a webhook, can't be used.
    """
    hooks = _hooks(settings)
    store = ReviewStore.open(settings.file or audit.folder / NAME)
    reader = AuditReader(audit.database, sealer)
    keeping = Keeping(store, reader, max_bytes=settings.max_kept_bytes)
    post = HttpPost(allow_private=settings.allow_private_webhooks)
    desk = ReviewDesk(
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
        prover=Prover(reader, audit.verifier_key),
        keeping=keeping,
    )
    holder, outbox = ReviewHolder(store, keeping), Outbox(store, hooks, post, log)
    return Reviewing(settings, desk, holder, keeping, reader, log, outbox, post)


def _hooks(settings: ReviewSection) -> list[Hook]:
    return [
        Hook(
            name,
            checked_url(name, hook.url, allow_private=settings.allow_private_webhooks),
            _secret(name, hook.secret_file),
            frozenset(hook.events),
            hook.tenant,
        )
        for name, hook in settings.webhooks.items()
    ]


def _secret(name: str, file: Path) -> bytes:
    place = f"review.webhooks.{name}.secret_file"
    try:
        mode, secret = file.stat().st_mode, file.read_bytes().strip()
    except OSError as cause:
        raise ConfigurationError(f"{place}: {file} can't be read: {cause.strerror}") from cause
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigurationError(f"{place}: {file} can be read by others: chmod 600 it")
    if len(secret) < _SECRET_BYTES:
        raise ConfigurationError(f"{place}: {file} must hold at least {_SECRET_BYTES} bytes")
    return secret
