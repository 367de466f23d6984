"""Who may do what to a case, and what an act must bring. Pure: case, acts and reviewer in, refusal out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gateway.core.errors import Conflict, Forbidden, RequestInvalid
from gateway.review.types import (
    OVERTURN_TO,
    Act,
    ActRequest,
    CaseRow,
    CaseState,
    Ground,
    PastAct,
    Reviewer,
)

_WORD: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_NOTE: Final = 4_000
_MAX_TAGS: Final = 16
_UNSAFE_ON_MINORS: Final = frozenset({Act.OVERTURN, Act.TAG, Act.RELEASE})


def check_form(asked: ActRequest) -> None:
    """Refuse an act that lacks what it needs, or brings what does not go with it. Raises RequestInvalid."""
    if (asked.act is Act.OVERTURN) != (asked.to is not None):
        raise RequestInvalid("to: goes with overturn, and overturn with to.", param="to")
    if asked.to is not None and asked.to not in OVERTURN_TO:
        raise RequestInvalid(f"to: must be one of {', '.join(OVERTURN_TO)}.", param="to")
    if asked.reason is not None and _WORD.fullmatch(asked.reason) is None:
        raise RequestInvalid(
            "reason: a short word of a-z, 0-9, dot, dash; text belongs in note.", param="reason"
        )
    if len(asked.tags) > _MAX_TAGS or any(_WORD.fullmatch(tag) is None for tag in asked.tags):
        raise RequestInvalid("tags: at most 16 short words of a-z, 0-9, dot, dash.", param="tags")
    if asked.act is Act.TAG and not asked.tags:
        raise RequestInvalid("tags: name at least one.", param="tags")
    if asked.act is Act.NOTE and not asked.note:
        raise RequestInvalid("note: must not be empty.", param="note")
    if asked.note is not None and len(asked.note) > _MAX_NOTE:
        raise RequestInvalid(f"note: at most {_MAX_NOTE} characters.", param="note")
    if asked.act is Act.UNDO:
        raise RequestInvalid("act: an act is undone by its id.", param="act")


def check_rights(
    row: CaseRow, acts: Sequence[PastAct], who: Reviewer, asked: ActRequest, *, labels_minors: bool
) -> None:
    """Refuse what does not fit the case, or is not this reviewer's to do.

    Raises:
        Conflict: another reviewer has it in hand, it is decided, or it is held no more.
        RequestInvalid: a held request is released or refused, nothing else.
        Forbidden: only a lead may, or nobody may for what concerns minors.
    """
    if row.locked_by not in (None, who.key_id):
        raise Conflict("Another reviewer has this case in hand.")
    if row.minors and asked.act in _UNSAFE_ON_MINORS and not labels_minors:
        raise Forbidden(f"What a lock on minors caught is never labelled: {asked.act} is not possible.")
    held = row.ground is Ground.HELD and row.deadline_us is not None
    if asked.act in (Act.RELEASE, Act.REFUSE) and not held:
        raise Conflict("Only a held request that still waits can be released or refused.")
    if asked.act in (Act.CONFIRM, Act.OVERTURN) and held:
        raise RequestInvalid("act: a held request is released or refused.", param="act")
    if not asked.act.decides:
        return
    if row.state is CaseState.DECIDED:
        raise Conflict("This case is decided; undo that first, while there is time.")
    if row.state is CaseState.LEAD and not who.lead:
        raise Forbidden("Two reviewers disagree, or one asked for a lead: a key of role admin decides.")
    if row.state is CaseState.SECOND and first_decider(acts) == who.key_id:
        raise Conflict("You judged this case; it waits for another reviewer.")


def first_decider(acts: Sequence[PastAct]) -> str | None:
    """Return who decided first, or None."""
    return next((act.reviewer for act in acts if act.act.decides and act.undone_by is None), None)


def is_blind(row: CaseRow, acts: Sequence[PastAct], who: Reviewer) -> bool:
    """Whether this reviewer must not see what the first one said."""
    return row.state is CaseState.SECOND and first_decider(acts) != who.key_id and not who.lead


def shown_to(acts: Sequence[PastAct], who: Reviewer, *, blind: bool) -> tuple[PastAct, ...]:
    """Return the acts that this reviewer may see: all, or for a blind one only its own."""
    return tuple(act for act in acts if not blind or act.reviewer == who.key_id)
