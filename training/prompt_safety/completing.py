"""What a set's silence means: for most heads and most sets a negative is safe to assume, at a lower weight.

Duty: name the heads that a row of a public set does not speak of. Only where a positive is likely they stay
unknown: profane posts for `sexual`, insults for `hate`, red-team rows for their neighbours. A head that never
saw ordinary text with the answer "no" gives ordinary text any score.
"""

from __future__ import annotations

from typing import Final

from training.prompt_safety.rows import MODERATION, Row

_KNOWN: Final = ("written", "template", "ring_a_bell", "lists")
"""Sources whose labels say all they mean to say."""
_FAR: Final = ("self-harm", "illicit", "illicit/violent", "violence/graphic", "violence/real-world")
_OPEN_IN_POSTS: Final = ("hate", "hate/threatening", "harassment", "harassment/threatening")


def completed(row: Row) -> Row:
    """The row with a weak "no" for every head that may safely be taken as one."""
    if row.source.startswith(_KNOWN):
        return row
    missing = [head for head in MODERATION if head not in row.targets]
    if not missing:
        return row
    added = [head for head in missing if _is_safe(head, row)]
    targets = {**row.targets, **dict.fromkeys(added, 0.0)}
    return Row(row.text, row.source, row.kind, targets, row.weight, row.weak | set(added), row.language)


def _is_safe(head: str, row: Row) -> bool:
    highest = max(row.targets.values(), default=0.0)
    if highest < 0.3:
        return True
    if row.kind == "P":
        if head == "sexual":
            return row.targets.get("obscene", 1.0) < 0.2 and row.targets.get("sexual_explicit", 0.0) < 0.2
        if head == "violence":
            return row.targets.get("threat", 0.0) < 0.2
        return head in _FAR and head not in _OPEN_IN_POSTS
    return head in ("self-harm", "sexual") and row.source != "nibbler_plain"
