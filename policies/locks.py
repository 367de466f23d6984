"""The families that no policy can loosen.

Duty: name them, and what of one stage counts for their locks at the next. The compiler appends the locks to
every judged stage as enforced, blocking rules with edges of their own, so that neither rules nor bands of a
policy reach them. `low` is enough evidence: in these cases a false alarm costs less than a miss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from classifiers.signals import Findings, Signal
from classifiers.taxonomy import is_within

LOCK_PREFIX: Final = "locked/"
LOCK_EDGES: Final = (0.35, 0.6, 0.85)
"""Lower edges for the locks alone; the library's default bands when they were chosen."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Block when every one of `families` is measured at `low` or above.

    A lock of several families holds as strongly as the weakest of them. `category` is what they make
    together; None: the hit has the category of its evidence.
    """

    id: str
    families: tuple[str, ...]
    reason: str
    category: str | None = None


_MINORS: Final = "Sexual content involving anyone under 18 is never possible here."
LOCKS: Final = (
    Lock(LOCK_PREFIX + "sexual-minors", ("sexual/minors",), _MINORS),
    Lock(LOCK_PREFIX + "sexual-with-minor", ("sexual", "minor"), _MINORS, "sexual/minors"),
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


def carried_from(findings: Findings, before: tuple[Signal, ...] = ()) -> tuple[Signal, ...]:
    """Return what of a stage counts for the locks at the next: per category its strongest signal from low on.

    A prompt that speaks of a child says nothing sexual; a sexual picture shows no age. Only together do they
    reach the lock, so the prompt's evidence goes with the picture. `before` is what was carried already.
    """
    strongest: dict[str, Signal] = {}
    for signal in (*before, *findings.carried, *findings.signals):
        if _counts(signal):
            held = strongest.get(signal.category)
            if held is None or signal.score > held.score:
                strongest[signal.category] = signal
    return tuple(strongest.values())


def _counts(signal: Signal) -> bool:
    """Whether a lock would see this signal; of text outside a classifier's languages it sees none."""
    reaches = signal.score >= LOCK_EDGES[0] and not signal.outside
    return reaches and any(is_within(signal.category, family) for family in LOCKED_FAMILIES)


def implied_scores(findings: Findings) -> dict[str, float]:
    """Return the score of each category that a lock makes of several families: that of the weakest."""
    scores: dict[str, float] = {}
    signals = (*findings.signals, *findings.carried)
    for lock in LOCKS:
        if lock.category is not None:
            score = min(_highest(signals, family) for family in lock.families)
            scores[lock.category] = max(score, scores.get(lock.category, 0.0))
    return scores


def _highest(signals: Iterable[Signal], family: str) -> float:
    return max((s.score for s in signals if is_within(s.category, family) and not s.outside), default=0.0)
