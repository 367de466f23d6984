"""Whose turn it is at a classifier: interactive first, tenants and keys in turn, bulk never starved."""

from __future__ import annotations

from dataclasses import dataclass

from classifiers.waiting import BULK_CHARS, BULK_EVERY, Line, Turn, current_turn, turn


@dataclass(eq=False)
class Item:
    """What waits."""

    name: str
    turn: Turn
    chars: int = 10
    alone: bool = False
    gone: bool = False


def line(*items: Item) -> Line[Item]:
    waiting: Line[Item] = Line()
    for item in items:
        waiting.add(item)
    return waiting


def names(batch: list[Item]) -> str:
    return " ".join(item.name for item in batch)


def test_a_flood_slows_the_tenant_it_comes_from() -> None:
    """Ten items of one tenant and two of another: the two leave with the first two of the ten."""
    flood = [Item(f"a{at}", Turn("a", "k")) for at in range(10)]
    waiting = line(*flood, Item("b0", Turn("b", "k")), Item("b1", Turn("b", "k")))
    assert names(waiting.batch(4, 1000)) == "a0 b0 a1 b1"


def test_keys_of_a_tenant_take_turns() -> None:
    """A tenant's second key has every other turn of that tenant, not an equal share beside other tenants."""
    items = [Item(f"x{at}", Turn("a", "x")) for at in range(4)] + [Item("y0", Turn("a", "y"))]
    waiting = line(*items, Item("b0", Turn("b", "k")))
    assert names(waiting.batch(9, 1000)) == "x0 b0 y0 x1 x2 x3"


def test_bulk_has_what_is_left_and_is_never_starved() -> None:
    """While interactive items keep coming, one batch in so many is bulk, and short."""
    waiting = line(*(Item(f"bulk{at}", Turn("a", "k", bulk=True), chars=BULK_CHARS // 2) for at in range(9)))
    served = []
    for at in range(2 * BULK_EVERY + 2):
        waiting.add(Item(f"i{at}", Turn("b", "k")))
        served.append(names(waiting.batch(16, 99_999)))
    assert [at for at, name in enumerate(served) if "bulk" in name] == [BULK_EVERY, 2 * BULK_EVERY + 1]
    assert served[BULK_EVERY] == "bulk0 bulk1"


def test_what_nobody_waits_for_is_dropped() -> None:
    """An item whose caller went away takes no place in a batch."""
    items = [
        Item("a", Turn()),
        Item("b", Turn(), gone=True),
        Item("c", Turn("t"), gone=True),
        Item("d", Turn()),
    ]
    waiting = line(*items)
    assert names(waiting.batch(9, 1000)) == "a d"
    assert len(waiting) == 0
    assert waiting.batch(9, 1000) == []


def test_what_can_not_share_a_batch_has_one_of_its_own() -> None:
    """A question for spans is alone, before and after others; a large item too."""
    large = Item("L", Turn(), chars=5000)
    waiting = line(Item("a", Turn()), Item("s", Turn(), alone=True), Item("b", Turn()), large)
    assert [names(waiting.batch(9, 1000)) for _ in range(4)] == ["a", "s", "b", "L"]


def test_the_turn_is_of_the_task() -> None:
    """Inside it says for whom; afterwards nobody."""
    with turn("acme", "key", bulk=True):
        assert current_turn() == Turn("acme", "key", bulk=True)
    assert current_turn() == Turn()
