"""What a moderation asks and what it answers, without any HTTP. Frozen.

Duty: the plain types between the `/v1/moderations` route and the service. It knows no wire shape: texts are
`str`, pictures are the encoded bytes as they came, still undecoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from classifiers.signals import Modality
from policies.decision import Decision


@dataclass(frozen=True, slots=True)
class ModerationInput:
    """One thing to judge: any number of texts and encoded pictures (PNG, JPEG, WebP) that belong together."""

    texts: tuple[str, ...] = ()
    images: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not self.texts and not self.images:
            raise ValueError("a moderation input holds at least one text or picture")


@dataclass(frozen=True, slots=True)
class Moderation:
    """The answer for one input: each part's decision with its modality, and what was really looked at.

    `decisions` follow the input: texts first, then several texts read together, then pictures. `coverage`
    names, per modality, the categories that the classifiers which gave a measurement cover; a category
    outside it was not measured at all.
    """

    decisions: tuple[tuple[Modality, Decision], ...]
    coverage: Mapping[Modality, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.decisions:
            raise ValueError("a moderation without a decision would allow by silence")
