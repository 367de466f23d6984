"""Which policy decides for a caller: the one its key names, or the operator's default.

A policy that can't be had withholds the picture; there is no fallback to another one.
"""

from __future__ import annotations

from gateway.errors import PolicyUnavailable
from policies.book import PolicyBook
from policies.decision import PolicyRef
from policies.errors import PolicyError
from policies.policy import Policy


class PoliciesInForce:
    """The policy book with the operator's default; refuses to be made when that one can't serve."""

    def __init__(self, book: PolicyBook, default: str) -> None:
        """Raises PolicyError when the default is missing or does not compile."""
        book.get(default)
        self.book = book
        self._default = default

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

    def refs(self) -> tuple[PolicyRef, ...]:
        """Return every policy that can serve, by name and revision."""
        return tuple(self.book.get(name).ref for name in self.book.names)
