"""The words in which the tuned rewriter is asked: the ones it was trained on, kept short.

Duty: one frame and one wording, shared by the gateway and by `training/rewriter`. Changing either means
training again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

TUNED_SYSTEM: Final = "Rewrite the image prompt."

_MAX_WORDS: Final = 4
_MAX_WORD_CHARS: Final = 40


def tuned_user(prompt: str, *, categories: Sequence[str], words: Sequence[str], enhance: bool) -> str:
    """Return the user's turn: what to leave out (categories, and words found), then the prompt as data."""
    folded = " ".join(prompt.split())
    if enhance and not categories:
        return f"Enrich: {folded}"
    start = "Enrich and leave out" if enhance else "Leave out"
    return f"{start} {named(categories)}{_found(words)}: {folded}"


def named(categories: Sequence[str]) -> str:
    """Category slugs as plain words: `violence/graphic` → `graphic violence`."""
    words = [
        " ".join(reversed(slug.removeprefix("custom/").split("/"))).replace("-", " ") for slug in categories
    ]
    return ", ".join(words) or "anything offensive"


def _found(words: Sequence[str]) -> str:
    folded = dict.fromkeys(" ".join(word.split())[:_MAX_WORD_CHARS] for word in words)
    kept = [word for word in folded if word][:_MAX_WORDS]
    return f" ({'; '.join(kept)})" if kept else ""
