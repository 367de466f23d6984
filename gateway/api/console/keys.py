"""Every key of the pages in one table: the help shows it, docs/review.md repeats it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Key:
    """What pressing `key` does; `where` is queue, case or everywhere."""

    key: str
    where: str
    does: str


KEYS: Final = (
    Key("j", "queue, case", "next row; on a case: next case of the list"),
    Key("k", "queue, case", "row before; on a case: case before it"),
    Key("Enter", "queue", "open the row"),
    Key("g", "queue", "take the next free case"),
    Key("c", "case", "confirm: the decision was right"),
    Key("o", "case", "overturn: go to its choices, Enter takes one"),
    Key("r", "case", "release a held request"),
    Key("x", "case", "refuse a held request"),
    Key("s", "case", "later"),
    Key("e", "case", "escalate to a lead"),
    Key("n", "case", "write a note; Ctrl-Enter saves it"),
    Key("t", "case", "write tags; Ctrl-Enter saves them"),
    Key("1 … 9", "case", "choose a reason"),
    Key("Space", "case", "held on a picture: show it; each look is on record"),
    Key("p", "case", "the policy's rules"),
    Key("q", "everywhere", "back to the queue; a case is given back"),
    Key("z", "everywhere", "undo the last act, within its ten seconds"),
    Key("/", "everywhere", "search: the explorer"),
    Key("?", "everywhere", "this table"),
)
