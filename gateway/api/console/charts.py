"""Numbers → places on a chart; the template draws them as SVG. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.review.numbers import Bucket

ACTIONS: Final = ("allow", "rewrite", "redact", "regenerate", "hold", "block")
WIDTH: Final = 720
HEIGHT: Final = 180


@dataclass(frozen=True, slots=True)
class Block:
    """One coloured part of a column, in the chart's units."""

    action: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """All requests of one step: its parts from below, and what a pointer shows."""

    start_us: int
    total: int
    told: str
    x: float
    width: float
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns on a common scale whose top is `most` requests."""

    columns: tuple[Column, ...]
    most: int


def chart_of(buckets: Sequence[Bucket]) -> Chart:
    """Return stacked columns, allowed at the bottom, blocked on top."""
    most = max((bucket.total for bucket in buckets), default=0) or 1
    step = WIDTH / max(1, len(buckets))
    columns = []
    for place, bucket in enumerate(buckets):
        x, below, blocks = place * step, float(HEIGHT), list[Block]()
        for action in ACTIONS:
            count = bucket.actions.get(action, 0)
            if count:
                height = HEIGHT * count / most
                below -= height
                blocks.append(
                    Block(
                        action,
                        round(x + step * 0.1, 2),
                        round(below, 2),
                        round(step * 0.8, 2),
                        round(height, 2),
                    )
                )
        told = ", ".join(f"{bucket.actions[a]} {a}" for a in ACTIONS if bucket.actions.get(a)) or "none"
        columns.append(
            Column(bucket.start_us, bucket.total, told, round(x, 2), round(step, 2), tuple(blocks))
        )
    return Chart(tuple(columns), most)
