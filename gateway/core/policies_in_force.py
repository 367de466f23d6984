"""Which policy decides for a caller: the one its key names, or the operator's default.

A policy that can't be had withholds the picture; there is no fallback to another one. A permission to fail
open ends with its last day (UTC), also while the server runs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from gateway.core.errors import PolicyUnavailable
from policies.book import PolicyBook, ReloadReport
from policies.decision import PolicyRef
from policies.errors import PolicyError
from policies.policy import Policy


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


class PoliciesInForce:
    """The policy book with the operator's default; refuses to be made when that one can't serve."""

    def __init__(
        self,
        book: PolicyBook,
        default: str,
        low: str | None = None,
        *,
        today: Callable[[], dt.date] = _today,
    ) -> None:
        """`low` is the policy of `moderation: low`. Raises PolicyError when one is missing or wrong."""
        if low is not None:
            book.get(low)
        book.get(default)
        self.book = book
        self._default = default
        self._required = {default, *([low] if low else [])}
        self._today = today
        self._tell: Callable[[tuple[PolicyRef, ...]], None] = lambda _refs: None

    def when_closed(self, tell: Callable[[tuple[PolicyRef, ...]], None]) -> None:
        """Have `tell` called with the new refs when a permission to fail open expires, before they serve."""
        self._tell = tell

    def get(self, name: str | None) -> Policy:
        """Return the caller's policy, as it is now; a request keeps it to its end.

        Raises:
            PolicyUnavailable: the key names a policy that does not exist or does not compile.
        """
        try:
            if self.book.open_until is not None and (today := self._today()) > self.book.open_until:
                self.book.close_expired(today, self._tell)
            return self.book.get(name or self._default)
        except PolicyError as error:
            raise PolicyUnavailable(
                "The policy of this key is not available; nothing was released. Tell the operator."
            ) from error

    def reload(self, tell: Callable[[tuple[PolicyRef, ...]], None]) -> ReloadReport:
        """Read the files again; nothing changes unless all of them are right and the named ones are there.

        `tell` gets the new refs before they serve; what it raises leaves everything as it was.
        """
        return self.book.reload(self._today(), keep=self._required, tell=tell)

    def refs(self) -> tuple[PolicyRef, ...]:
        """Return every policy that can serve, by name and revision."""
        return tuple(self.book.get(name).ref for name in self.book.names)
