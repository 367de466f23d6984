"""Memory that libraries free and the C library keeps, given back to the system.

Duty: two calls to the C library, each without effect where it has no such call (only glibc has). Loading a
model takes several times what it keeps, in pieces of all sizes: glibc holds such pieces for later, once for
every thread's arena. It knows no model.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Final

_ARENA_MAX: Final = -8  # M_ARENA_MAX, M_MMAP_THRESHOLD: malloc.h of glibc
_MMAP_THRESHOLD: Final = -3
_ARENAS: Final = 2
_LEAST_MAPPED_BYTES: Final = 4 << 20


def bound_heap() -> None:
    """From now on, let all threads share few arenas, and have large blocks go back when they are freed.

    Call it before there are threads.
    """
    set_option = _call("mallopt")
    if set_option is not None:
        set_option(_ARENA_MAX, _ARENAS)
        set_option(_MMAP_THRESHOLD, _LEAST_MAPPED_BYTES)


def give_back() -> None:
    """Give free memory back to the system: some milliseconds, and other threads may wait meanwhile."""
    trim = _call("malloc_trim")
    if trim is not None:
        trim(0)


@functools.cache
def _call(name: str) -> Callable[..., int] | None:
    try:
        found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):  # a system without a C library under this name
        return None
    return found
