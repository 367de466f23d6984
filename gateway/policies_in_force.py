"""Which policy decides for a caller: the one its key names, or the operator's default.

A policy that can't be had withholds the picture; there is no fallback to another one.
"""

from __future__ import annotations

import datetime as dt

from gateway.errors import PolicyUnavailable
from policies.book import PolicyBook, ReloadReport
from policies.decision import PolicyRef
from policies.errors import PolicyError
from policies.policy import Policy


class PoliciesInForce:
    """The policy book with the operator's default; refuses to be made when that one can't serve."""

    def __init__(self, book: PolicyBook, default: str, low: str | None = None) -> None:
        """`low` is the policy of `moderation: low`. Raises PolicyError when one is missing or wrong."""
        if low is not None:
            book.get(low)
        book.get(default)
        self.book = book
        self._default = default
        self._required = {default, *([low] if low else [])}

    def get(self, name: str | None) -> Policy:
        """Return the caller's policy, as it is now; a request keeps it to its end.

        Raises:
            PolicyUnavailable: the key names a policy that does not exist or does not compile.
        """
        try:
            return self.book.get(name or self._default)
        except PolicyError as error:
            raise PolicyUnavailable(
                "The policy of this key is not available; nothing was released. Tell the operator."
            ) from error

    def reload(self) -> ReloadReport:
        """Read the files again; nothing changes unless all of them are right and the named ones are there."""
        return self.book.reload(dt.datetime.now(dt.UTC).date(), keep=self._required)

    def refs(self) -> tuple[PolicyRef, ...]:
        """Return every policy that can serve, by name and revision."""
        return tuple(self.book.get(name).ref for name in self.book.names)
