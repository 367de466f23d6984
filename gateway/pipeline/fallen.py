"""Whether a rewrite took away what called for it, or only tipped a score over an edge.

Duty: two texts and two decisions in, yes or no out. It knows the rules that matched alone.
"""

from __future__ import annotations

from typing import Final

from gateway.pipeline.drift_words import is_content
from gateway.pipeline.edits import changed
from policies.decision import Action, Decision

FALLEN_SHARE: Final = 0.8
"""Of its score before, a category that called for the rewrite keeps at most this."""
HATE_SHARE: Final = 0.5
"""The same of hatred: while a group stays the target its score stays high, whatever the wording."""

_FEWEST_LETTERS: Final = 2


def has_fallen(prompt: str, rewritten: str, called_for: Decision, found: Decision) -> bool:
    """True when a word that says something was changed and every category that called for it went down.

    Compared is the highest score of each classifier that was over a rule's edge; what it says of text in a
    language that it can't read counts for nothing, before as after.
    """
    if not any(_says_something(prompt[span.start : span.end]) for span in changed(prompt, rewritten)):
        return False
    was, now = _scores(called_for), _scores(found)
    edges = _edges(called_for)
    return all(
        now.get(key, 0.0) <= score * (HATE_SHARE if key[0].partition("/")[0] == "hate" else FALLEN_SHARE)
        for key, score in was.items()
        if score >= edges.get(key[0], 2.0)
    )


def _says_something(stretch: str) -> bool:
    """True with a content word in it, also one that is spelled out letter by letter."""
    words = [word.strip(".,;:!?\"'()") for word in stretch.split()]
    return any(map(is_content, words)) or sum(len(word) == 1 for word in words) > _FEWEST_LETTERS


def _edges(decision: Decision) -> dict[str, float]:
    """Category → the lowest score that a matched rule asks of it."""
    edges: dict[str, float] = {}
    for hit in decision.rules:
        if hit.category and hit.action > Action.ALLOW:
            edges[hit.category] = min(hit.threshold, edges.get(hit.category, 1.0))
    return edges


def _scores(decision: Decision) -> dict[tuple[str, str], float]:
    """(category, classifier) → the highest score of any view."""
    best: dict[tuple[str, str], float] = {}
    for signal in decision.findings.signals:
        key = signal.category, signal.classifier
        if not signal.outside:
            best[key] = max(signal.score, best.get(key, 0.0))
    return best
