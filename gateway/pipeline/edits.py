"""Which stretches of a prompt a rewrite changed: a difference over words, in the prompt's own characters.

Duty: two texts in, spans of the first out. It knows no model and no policy.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Final

from classifiers.signals import Span

_WORD: Final = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def changed(prompt: str, rewritten: str) -> tuple[Span, ...]:
    """Return the spans of `prompt` that are gone or replaced in `rewritten`, in order, none overlapping.

    Whole words, whatever their case; white space counts for nothing. What was only added changes no stretch
    of the prompt, so an empty answer means that all of it was kept.
    """
    words = list(_WORD.finditer(prompt))
    before = [word.group().casefold() for word in words]
    after = [word.casefold() for word in _WORD.findall(rewritten)]
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return tuple(
        Span(words[start].start(), words[end - 1].end())
        for kind, start, end, _, _ in matcher.get_opcodes()
        if kind in ("delete", "replace")
    )
