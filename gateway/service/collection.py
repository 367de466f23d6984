"""Python's cyclic garbage collector, set for a server that has just loaded everything.

Duty: take what was loaded out of every later collection, and collect less often. Requests leave little that
only the collector can free, and walking hundreds of thousands of long-lived objects cost 4 % of their time.
"""

from __future__ import annotations

import gc
from typing import Final

_ALLOCATIONS_BETWEEN: Final = 10_000


def settle() -> None:
    """Call once, when all models are loaded and before the first request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_BETWEEN, *gc.get_threshold()[1:])
