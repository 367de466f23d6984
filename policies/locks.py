"""The two families that no policy can loosen.

Duty: name them. The compiler appends them to every judged stage as enforced, blocking rules with edges of
their own, so that neither rules nor bands of a policy reach them. `low` is enough evidence: in these cases a
false alarm costs less than a miss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LOCK_PREFIX: Final = "locked/"
LOCK_EDGES: Final = (0.35, 0.6, 0.85)
"""Lower edges for the locks alone; the library's default bands when they were chosen."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Block when every one of `families` is measured at `low` or above."""

    id: str
    families: tuple[str, ...]
    reason: str


LOCKS: Final = (
    Lock(
        LOCK_PREFIX + "sexual-minors",
        ("sexual/minors",),
        "Sexual content involving anyone under 18 is never possible here.",
    ),
    Lock(
        LOCK_PREFIX + "sexual-real-person",
        ("sexual", "real-person"),
        "Sexual imagery of an identifiable real person is never possible here.",
    ),
)
LOCKED_FAMILIES: Final = tuple(dict.fromkeys(family for lock in LOCKS for family in lock.families))


def lock_key(family: str) -> str:
    """Return the key under which a lock's evidence is filed; `@` stands in no category's slug."""
    return f"{family}@lock"
