"""Listed terms found in a flattened text: whole words, outside of harmless phrases.

Duty: run the automaton of `terms` over a text and say what really stands there. It knows no signals. Linear
in the text.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from classifiers.signals import Span
from classifiers.text.terms import Entry

Hit: TypeAlias = tuple[int, int, Entry]
"""Start and end in the flattened text, and the term."""


def matches(automaton: Any, flat: str) -> list[Hit]:
    """Return the terms that stand in `flat` as whole words, but for those inside a harmless phrase."""
    hits: list[Hit] = []
    harmless: list[tuple[int, int]] = []
    for last, entries in automaton.iter(flat):
        end = last + 1
        for entry in entries:
            start = end - entry.length
            if entry.start_bound and start > 0 and _touches(entry, flat[start - 1]):
                continue
            if entry.end_bound and end < len(flat) and _touches(entry, flat[end]):
                continue
            stop = _word_end(flat, end) if entry.any_ending else end
            if entry.category is None:
                harmless.append((start, stop))
            else:
                hits.append((start, stop, entry))
    if harmless and hits:
        return _outside(hits, harmless)
    return hits


def _touches(entry: Entry, char: str) -> bool:
    """Whether a term beside this character is a part of a word; Japanese changes its script between words."""
    return "\u30a1" <= char <= "\u30fe" if entry.is_katakana else char.isalnum()


def _word_end(flat: str, at: int) -> int:
    """Where the word ends that runs on at `at`; words over 40 letters are cut there, so it stays linear."""
    stop = min(len(flat), at + 40)
    while at < stop and flat[at].isalpha():
        at += 1
    return at


def _outside(hits: list[Hit], harmless: list[tuple[int, int]]) -> list[Hit]:
    """Hits that do not lie inside a harmless phrase; one sweep over both, sorted by start."""
    kept, at, reach = [], 0, -1
    harmless.sort()
    for start, end, entry in sorted(hits, key=lambda hit: hit[:2]):
        while at < len(harmless) and harmless[at][0] <= start:
            reach = max(reach, harmless[at][1])
            at += 1
        if end > reach:
            kept.append((start, end, entry))
    return kept


def merged(spans: list[Span]) -> tuple[Span, ...]:
    """Return the spans sorted, overlaps joined."""
    made: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if made and span.start < made[-1].end:
            made[-1] = Span(made[-1].start, max(made[-1].end, span.end))
        else:
            made.append(span)
    return tuple(made)
