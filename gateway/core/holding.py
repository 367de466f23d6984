"""What the pipeline asks of reviewing: hold a request until a person has looked, and keep pictures for them.

Duty: the port and the plain types that cross it. `gateway.review.holding` fulfils it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from classifiers.protocol import Pixels
from gateway.core.outcomes import Delivered, Hold, Partial
from gateway.core.requests import ImageRequest
from policies.decision import Stage


class HoldRefused(Exception):
    """A request can't be held: it is blocked instead. `word` goes on record, `reason` is public."""

    def __init__(self, word: str, reason: str) -> None:
        super().__init__(word)
        self.word = word
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class SeenPicture:
    """A picture for reviewers: its place, pixels (H × W × 3 uint8), for how many days, `full` or a tile."""

    index: int
    pixels: Pixels
    days: int
    full: bool


@dataclass(frozen=True, slots=True, eq=False)
class ToHold:
    """A request to be held. `ticket` is the id of the record that closes it, or of the one that first did.

    `first_record` is durable. `stage` is where it was held; `answer` is what a release delivers, None while
    nothing was drawn; `pictures` are the held ones, for reviewers. `hours` is how long it waits.
    """

    ticket: str
    first_record: str
    request: ImageRequest
    stage: Stage
    hours: int
    answer: Delivered | Partial | None = None
    pictures: Sequence[SeenPicture] = ()


class Holder(Protocol):
    """Keeps what reviewers and released requests need."""

    async def hold(self, asked: ToHold) -> Hold:
        """Keep everything that a release needs; durable when this returns.

        Raises:
            HoldRefused: there is no room for it.
            StorageUnavailable, AuditUnavailable: it can't be kept; nothing is released.
        """
        ...

    async def answered(self, ticket: str, answer: Delivered | Partial) -> None:
        """Keep what a released request was drawn into, before that is on record. Raises as `hold`."""
        ...

    async def keep(
        self, case_id: str, first_record: str, request: ImageRequest, pictures: Sequence[SeenPicture]
    ) -> bool:
        """Keep pictures for reviewers; False when there is no room: then nothing is kept, and that is told.

        Raises:
            StorageUnavailable, AuditUnavailable: as `hold`.
        """
        ...
