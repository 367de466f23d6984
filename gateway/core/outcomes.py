"""What the client receives in the end. Blocked is an outcome, not an error. Frozen; knows no HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from classifiers.signals import Span
from gateway.core.ports import ModelIdentity, Progress, RewriteMode
from gateway.core.requests import OutputFormat
from policies.decision import Action, Decision, Stage


@dataclass(frozen=True, slots=True)
class DeliveredImage:
    """One picture that may leave: its place among the n asked for, its bytes, seed and decision.

    `decision` is None only when the policy skips the image stage, with a written reason: never judged.
    `regenerations` counts how often it was regenerated before it could leave. `likeness` is the perceptual
    hash of its pixels (16 hex digits), None where nobody decoded them.
    """

    index: int
    content: bytes
    format: OutputFormat
    width: int
    height: int
    seed: int
    decision: Decision | None
    regenerations: int = 0
    likeness: str | None = None


Keep: TypeAlias = Callable[[Sequence[DeliveredImage]], Awaitable[None]]
"""Puts what may leave where it is to be found later; what it raises ends the request, with nothing delivered.

It is called before the outcome goes on record, so that the record never says more than happened; where the
pictures lie may be given to nobody before the outcome is there.
"""


@dataclass(frozen=True, slots=True)
class Hold:
    """A held request: the ticket that its client asks by, and when it is refused at last (µs UTC)."""

    ticket: str
    deadline_us: int


@dataclass(frozen=True, slots=True)
class WithheldImage:
    """One picture that may not leave, named by its place and its last decision.

    `regenerations` counts how often it was regenerated; `reason` is public, and None where the decision's own
    serves. `blocked` is set on one that was to be held and can't be.
    """

    index: int
    decision: Decision
    regenerations: int = 0
    reason: str | None = None
    blocked: bool = False

    @property
    def action(self) -> Action:
        """What was done: a picture that was to be regenerated or held, and can't be, is blocked."""
        again = self.decision.action is Action.REGENERATE
        return Action.BLOCK if again or self.blocked else self.decision.action

    @property
    def public_reason(self) -> str:
        """Why, for the person who asked."""
        return self.reason or self.decision.public_reason


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much was seen: images made and inspected, by which classifiers; never "checked" otherwise.

    `uncovered` names what a picture can show and at least one of them was not examined for.
    """

    images_total: int = 0
    images_inspected: int = 0
    classifiers: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RewriteTrace:
    """What the rewrite stage did: the final prompt, how many attempts it took, and what had called for it.

    `changed` are stretches of the prompt as written that the rewrite left out or replaced; `drift` is the
    embeddings' distance, 0 for the same meaning. In the mode `ENHANCE`, `called_for` is what allowed the
    prompt, and no rule asked.
    """

    prompt: str
    attempts: int
    called_for: Decision
    model: ModelIdentity
    changed: tuple[Span, ...]
    drift: float
    mode: RewriteMode = RewriteMode.SAFETY

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the rules that called for the rewrite."""
        return tuple(hit.rule for hit in self.called_for.rules)

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories that called for the rewrite."""
        return self.called_for.categories


@dataclass(frozen=True, slots=True)
class Delivered:
    """All pictures leave."""

    images: tuple[DeliveredImage, ...]
    prompt_decision: Decision
    rewrite: RewriteTrace | None
    coverage: Coverage
    input_decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    """Some pictures leave; the others are named."""

    images: tuple[DeliveredImage, ...]
    withheld: tuple[WithheldImage, ...]
    prompt_decision: Decision
    rewrite: RewriteTrace | None
    coverage: Coverage
    input_decision: Decision | None = None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """Nothing leaves, by a decision. `reason` is public; `stage` says where it fell.

    `hold` is set when some of several pictures are held, though the others are blocked.
    """

    stage: Stage
    decision: Decision
    reason: str
    code: str = "moderation_blocked"
    withheld: tuple[WithheldImage, ...] = ()
    coverage: Coverage = Coverage()
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing leaves until a reviewer says so; `hold` names the ticket."""

    stage: Stage
    decision: Decision
    reason: str
    coverage: Coverage = Coverage()
    hold: Hold | None = None


Outcome: TypeAlias = Delivered | Partial | Blocked | Held


@dataclass(frozen=True, slots=True)
class PartialImage:
    """A judged preview of picture `index`; `content` is encoded, `blurred` when it was not judged clean."""

    index: int
    number: int
    content: bytes
    format: OutputFormat
    width: int
    height: int
    blurred: bool
    decision: Decision | None


StreamEvent: TypeAlias = Progress | PartialImage
