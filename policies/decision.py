"""What policies emit: severities, actions, rule hits and decisions. Frozen; knows no YAML and no HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from classifiers.signals import Findings


class Severity(IntEnum):
    """Ordinal band of a calibrated score; the bands are the policy's."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """The lower-case name that YAML, JSON and records use."""
        return self.name.lower()


class Action(IntEnum):
    """What is done, least strict first; the strictest matching rule wins."""

    ALLOW = 0
    REDACT = 1
    REGENERATE = 2
    REWRITE = 3
    HOLD = 4
    BLOCK = 5

    @property
    def word(self) -> str:
        """The lower-case name that YAML, JSON and records use."""
        return self.name.lower()


class Mode(StrEnum):
    """Whether a rule's verdict binds."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    OFF = "off"


class Stage(StrEnum):
    """Where a decision falls.

    `PROMPT_RECHECK` is judged by the rules of `PROMPT`, `INPUT_IMAGE` (a picture that a request brings) by
    those of `IMAGE`.
    """

    PROMPT = "prompt"
    PROMPT_RECHECK = "prompt-recheck"
    INPUT_IMAGE = "input-image"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class RuleHit:
    """One rule that matched, with the strongest evidence for it.

    `score` in [0, 1]; `threshold` is the lower edge of the band that the rule asks for. For a locked or a
    failure ground, `category` may be empty and `score` 0. `ref` is the policy author's pointer (a ticket).
    """

    rule: str
    action: Action
    mode: Mode
    category: str
    severity: Severity
    score: float
    threshold: float
    classifier: str
    public_reason: str
    ref: str = ""


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """Which policy decided: its name and the hash of its compiled form."""

    name: str
    revision: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules say (`verdict`), what is done (`action`), and why.

    Verdict and action differ only through shadow: `verdict` counts shadow rules, `action` does not.
    `failed_closed` is true when a required classifier gave no measurement: the action is then BLOCK and the
    caller answers 503 or 504, not a moderation block. `degraded` is true whenever any classifier was missing,
    or the text is in a language that the trained ones don't cover.
    `severities` holds the highest severity per category that reached LOW.
    """

    id: str
    stage: Stage
    verdict: Action
    action: Action
    rules: tuple[RuleHit, ...]
    shadow: tuple[RuleHit, ...]
    degraded: bool
    failed_closed: bool
    policy: PolicyRef
    findings: Findings
    severities: Mapping[str, Severity]
    public_reason: str

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories of the enforced rules that matched, but for allow; sorted, without doubles."""
        return tuple(
            sorted({hit.category for hit in self.rules if hit.category and hit.action > Action.ALLOW})
        )
