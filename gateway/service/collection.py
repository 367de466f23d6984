"""Python's cyclic garbage collector and the freed memory of libraries, set for a server that serves for long.

Duty: take what was loaded out of every later collection, and collect less often: requests leave little that
only the collector can free, and walking hundreds of thousands of long-lived objects cost 4 % of their time.
Give memory back that loading freed, and now and then what requests freed: pictures and batches come in all
sizes, and the C library would keep the most that there ever was.
"""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Final

from classifiers.native_memory import give_back

_ALLOCATIONS_BETWEEN: Final = 10_000
_LOOK_EVERY_S: Final = 10.0
_WORKED_S: Final = 1.0


def settle() -> None:
    """Call once, when all models are loaded and before the first request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_BETWEEN, *gc.get_threshold()[1:])
    give_back()


async def stay_small() -> None:
    """Give freed memory back every few seconds in which the process worked; runs until it is cancelled."""
    given_at_s = time.process_time()
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        if time.process_time() - given_at_s >= _WORKED_S:
            await asyncio.to_thread(give_back)
            given_at_s = time.process_time()
