"""One thing that may be wrong with a scene, and how lists of them are written.

Duty: the form of a pair, `bad => good`; it holds no words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["act", "adjective", "tail", "name", "whole"]


@dataclass(frozen=True, slots=True)
class Offence:
    """`bad` in the prompt becomes `good`. `form` says where it stands; `who` which subjects it fits."""

    category: str
    form: Form
    bad: str
    good: str
    who: str = "person"


def pairs(category: str, form: Form, who: str, text: str) -> list[Offence]:
    """The pairs of a block of text, a line each."""
    offences = []
    for line in text.strip().splitlines():
        bad, _, good = line.partition("=>")
        offences.append(Offence(category, form, bad.strip(), good.strip(), who))
    return offences
