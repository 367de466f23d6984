"""Why a rewrite may not be used: the form that an answer must have, and each fault's public reason.

Duty: names and sentences. It knows no model and no policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from gateway.core.errors import RewriteFailed
from gateway.pipeline.drift import Drift, DriftFault

MAX_REWRITTEN_CHARS: Final = 2000


class RewriteFault(StrEnum):
    """What was wrong with the last attempt; the word stands in the record."""

    OFF = "off"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    EMPTY = "empty"
    TOO_LONG = "too-long"
    MALFORMED = "malformed"
    OTHER_LANGUAGE = "other-language"
    LOST = "lost-subject"
    CHANGED = "changed-name"
    ADDED = "added-noun"
    DRIFTED = "drifted"
    UNREAD = "unread-language"
    OFFENDS = "still-offends"

    @classmethod
    def of_drift(cls, drift: Drift) -> RewriteFault:
        """The first of the faults with a reason of its own; every other drift is a drift."""
        return next((fault for found, fault in _OF_DRIFT.items() if found in drift.faults), cls.DRIFTED)


_OF_DRIFT: Final[Mapping[DriftFault, RewriteFault]] = {
    DriftFault.OTHER_LANGUAGE: RewriteFault.OTHER_LANGUAGE,
    DriftFault.CHANGED_NAME: RewriteFault.CHANGED,
    DriftFault.CHANGED_NUMBER: RewriteFault.CHANGED,
    DriftFault.CHANGED_QUOTE: RewriteFault.CHANGED,
    DriftFault.LOST_SUBJECT: RewriteFault.LOST,
    DriftFault.HARDLY_LEFT: RewriteFault.LOST,
    DriftFault.ADDED_NOUN: RewriteFault.ADDED,
}
_COULD_NOT: Final = "The prompt could not be made safe: "
_REASONS: Final[Mapping[RewriteFault, str]] = {
    RewriteFault.OFF: "The prompt would need rewriting, and rewriting is switched off.",
    RewriteFault.FAILED: _COULD_NOT + "the rewriter failed.",
    RewriteFault.TIMED_OUT: _COULD_NOT + "the rewriter did not answer in time.",
    RewriteFault.EMPTY: _COULD_NOT + "the rewrite was empty.",
    RewriteFault.TOO_LONG: _COULD_NOT + "the rewrite was too long.",
    RewriteFault.MALFORMED: _COULD_NOT + "the rewrite had the wrong form.",
    RewriteFault.OTHER_LANGUAGE: _COULD_NOT + "the rewrite was in another language.",
    RewriteFault.LOST: _COULD_NOT + "the rewrite lost what the picture is of.",
    RewriteFault.CHANGED: _COULD_NOT + "the rewrite changed a name, a number or quoted text.",
    RewriteFault.ADDED: _COULD_NOT + "the rewrite brought in something that was not asked for.",
    RewriteFault.UNREAD: _COULD_NOT + "its language is one that the rewriter does not read.",
    RewriteFault.DRIFTED: _COULD_NOT + "the rewrite was about something else.",
    RewriteFault.OFFENDS: _COULD_NOT + "the rewrite still offends.",
}


class Malformed(RewriteFailed):
    """The rewriter's answer is not one bounded, printable line."""

    def __init__(self, message: str, fault: RewriteFault) -> None:
        super().__init__(message)
        self.fault = fault


def reason_of(fault: RewriteFault) -> str:
    """Return the public reason: what went wrong, in one sentence, without any content."""
    return _REASONS[fault]


def one_bounded_line(answer: object) -> str:
    """Return a rewriter's answer as one printable line of 1 to `MAX_REWRITTEN_CHARS` characters.

    Raises:
        Malformed: it is something else; `fault` says what.
    """
    if not isinstance(answer, str):
        raise Malformed("The rewriter answered no text.", RewriteFault.MALFORMED)
    line = answer.strip()
    if not line:
        raise Malformed("The rewriter answered nothing.", RewriteFault.EMPTY)
    if len(line) > MAX_REWRITTEN_CHARS:
        raise Malformed(f"The rewrite has over {MAX_REWRITTEN_CHARS} characters.", RewriteFault.TOO_LONG)
    if not line.isprintable():
        raise Malformed("The rewrite is more than one printable line.", RewriteFault.MALFORMED)
    return line
