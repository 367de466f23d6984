"""The house stays readable: a file has an end."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LONGEST_LINES = 400


@pytest.mark.parametrize("folder", ["classifiers", "policies", "gateway", "training", "benchmarks", "tests"])
def test_no_file_is_longer_than_a_reader_can_hold(folder: str) -> None:
    """No Python file has more than 400 lines; one that nears it wants splitting by duty."""
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / folder).rglob("*.py")
    }
    assert lines, f"no Python file under {folder}: the test looks in the wrong place"

    assert {name: count for name, count in lines.items() if count > LONGEST_LINES} == {}
