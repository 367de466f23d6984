"""Who waits for a classifier, and whose turn it is: two lanes, and in each the tenants one after another.

Duty: order. Interactive work goes first; bulk work (arrays) has what is left, and one batch after
`BULK_EVERY` of the others when nothing is left. Within a lane each tenant has one item a round, and within a
tenant each key, so a flood slows the one it comes from. It knows no thread and no classifier; whoever uses it
holds a lock.

`turn` says for whom the current task works. Tasks made in it inherit it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

BULK_EVERY: Final = 4
"""Batches of the interactive lane in a row, at most, while bulk work waits."""
BULK_CHARS: Final = 4_000
"""Characters of bulk work in a batch, unless one item has more: so much somebody else waits for at most."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A tenant shares its turns among its keys; `bulk` is for arrays, which can wait."""

    tenant: str = ""
    key: str = ""
    bulk: bool = False


_NOBODY: Final = Turn()
_TURN: ContextVar[Turn] = ContextVar("turn", default=_NOBODY)


def current_turn() -> Turn:
    """For whom the current task works; an interactive nobody where nobody said."""
    return _TURN.get()


@contextmanager
def turn(tenant: str, key: str, *, bulk: bool = False) -> Iterator[None]:
    """What is asked of classifiers inside is asked for this key of this tenant."""
    token = _TURN.set(Turn(tenant, key, bulk))
    try:
        yield
    finally:
        _TURN.reset(token)


class Waiting(Protocol):
    """One item that waits."""

    turn: Turn

    @property
    def chars(self) -> int:
        """Its size, for the bound of a batch."""
        ...

    @property
    def alone(self) -> bool:
        """True when it can't share a batch."""
        ...

    @property
    def gone(self) -> bool:
        """True when nobody waits for it any more."""
        ...


ItemT = TypeVar("ItemT", bound=Waiting)


class Line(Generic[ItemT]):
    """What waits for one worker."""

    def __init__(self) -> None:
        self._interactive: _Lane[ItemT] = _Lane()
        self._bulk: _Lane[ItemT] = _Lane()
        self._passed_over = 0

    def __len__(self) -> int:
        """Items that wait, those that nobody waits for any more among them."""
        return len(self._interactive) + len(self._bulk)

    def add(self, item: ItemT) -> None:
        """Let an item wait behind those of its key."""
        (self._bulk if item.turn.bulk else self._interactive).add(item)

    def batch(self, most: int, most_chars: int) -> list[ItemT]:
        """Take the next batch: up to `most` items and `most_chars`, at least one item; empty when none waits.

        Items that nobody waits for any more are dropped.
        """
        self._interactive.drop_gone()
        self._bulk.drop_gone()
        if len(self._bulk) and (not len(self._interactive) or self._passed_over >= BULK_EVERY):
            self._passed_over = 0
            return self._bulk.batch(most, min(most_chars, BULK_CHARS))
        self._passed_over += bool(len(self._bulk))
        return self._interactive.batch(most, most_chars)

    def urgent(self, most: int, most_chars: int) -> list[ItemT]:
        """Take the next batch of the interactive lane alone, in the midst of bulk work; may be empty."""
        self._interactive.drop_gone()
        return self._interactive.batch(most, most_chars)

    def clear(self) -> list[ItemT]:
        """Take everything."""
        return [*self._interactive.clear(), *self._bulk.clear()]


class _Lane(Generic[ItemT]):
    """Tenants in turn, their keys in turn, a key's items in order."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, OrderedDict[str, deque[ItemT]]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, item: ItemT) -> None:
        keys = self._tenants.setdefault(item.turn.tenant, OrderedDict())
        keys.setdefault(item.turn.key, deque()).append(item)
        self._size += 1

    def batch(self, most: int, most_chars: int) -> list[ItemT]:
        batch: list[ItemT] = []
        chars = 0
        while self._tenants and len(batch) < most:
            item = self._next()
            chars += item.chars
            if batch and (item.alone or batch[0].alone or chars > most_chars):
                break
            batch.append(item)
            self._take_next()
        return batch

    def clear(self) -> list[ItemT]:
        everything = [item for keys in self._tenants.values() for items in keys.values() for item in items]
        self._tenants.clear()
        self._size = 0
        return everything

    def drop_gone(self) -> None:
        if any(item.gone for keys in self._tenants.values() for items in keys.values() for item in items):
            for item in self.clear():
                if not item.gone:
                    self.add(item)

    def _next(self) -> ItemT:
        keys = next(iter(self._tenants.values()))
        return next(iter(keys.values()))[0]

    def _take_next(self) -> None:
        tenant, keys = next(iter(self._tenants.items()))
        key, items = next(iter(keys.items()))
        items.popleft()
        self._size -= 1
        if items:
            keys.move_to_end(key)
        else:
            del keys[key]
        if keys:
            self._tenants.move_to_end(tenant)
        else:
            del self._tenants[tenant]
