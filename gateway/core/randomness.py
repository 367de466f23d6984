"""Random bytes from a pool: one call to the kernel fetches many.

Duty: hand out each byte of `os.urandom` once, for ids, keys and nonces alike. A call to the kernel costs more
than its bytes, and gives up the interpreter lock. Who has forked asks the kernel again, so that parent and
child never share a byte.
"""

from __future__ import annotations

import os
import threading
from typing import Final

_POOL_BYTES: Final = 4096


class RandomPool:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = b""
        self._at = 0
        os.register_at_fork(after_in_child=self._after_fork)

    def take(self, count: int) -> bytes:
        """Return `count` bytes that nobody else gets. Raises ValueError for more than 4,096."""
        if not 0 < count <= _POOL_BYTES:
            raise ValueError(f"between 1 and {_POOL_BYTES} bytes can be drawn, not {count}")
        with self._lock:
            if self._at + count > len(self._pool):
                self._pool, self._at = os.urandom(_POOL_BYTES), 0
            start = self._at
            self._at = start + count
            return self._pool[start : self._at]

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._pool, self._at = b"", 0


random_bytes: Final = RandomPool().take
