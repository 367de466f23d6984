"""What verification says: named checks, each with its own exit code. It checks nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

EXIT_CODES: Final = {
    "readable": 20,
    "canonical bytes": 21,
    "leaf": 22,
    "dense index": 23,
    "columns": 24,
    "sealed": 25,
    "signature": 26,
    "root": 27,
    "consistency": 28,
    "heads file": 29,
    "request closed": 30,
    "reviews": 31,
    "last head": 32,
    "heads given": 33,
}
"""Every check, in the order in which a failed one decides the exit code."""

_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `failures` counts all findings, `details` tells the first twenty."""

    name: str
    exit_code: int
    failures: int
    details: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return self.failures == 0


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """A verified log. `unsigned_records` at the end are covered by no head yet; `open_requests` still run.

    `heads_file_checked` and `last_head_checked` false, with no head given, means: a rollback to an older copy
    can't be seen.
    """

    size: int
    root: bytes
    heads: int
    unsigned_records: int
    open_requests: int
    heads_file_checked: bool
    last_head_checked: bool
    heads_given: int
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)

    @property
    def exit_code(self) -> int:
        """0, or the code of the first failed check."""
        return next((check.exit_code for check in self.checks if not check.ok), 0)


@dataclass(slots=True)
class Findings:
    """Collects what is wrong, by check."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(EXIT_CODES, 0))
    details: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in EXIT_CODES})

    def add(self, check: str, detail: str) -> None:
        """Note one failure of a check."""
        self.counts[check] += 1
        if len(self.details[check]) < _KEPT:
            self.details[check].append(detail)

    def checks(self) -> tuple[Check, ...]:
        """Every check with what was found."""
        return tuple(
            Check(name, code, self.counts[name], tuple(self.details[name]))
            for name, code in EXIT_CODES.items()
        )
