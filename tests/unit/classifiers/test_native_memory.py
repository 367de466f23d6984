import subprocess
import sys

import pytest

from classifiers.native_memory import give_back

CHILD = """
import re
from pathlib import Path
from classifiers.native_memory import bound_heap, give_back

def anonymous_mb():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) // 1024

bound_heap()
blocks = [bytearray(3000) for _ in range(40_000)]
last = bytearray(3000)
held = anonymous_mb()
del blocks
give_back()
print(held - anonymous_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_that_was_freed_goes_back_to_the_system() -> None:
    """Freed blocks below one that is still held are given back, which the C library does not do by itself."""
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 60


def test_giving_back_nothing_is_allowed() -> None:
    """A second call, and one on a system without it, have no effect."""
    give_back()
    give_back()
