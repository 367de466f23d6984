"""docs/tutorial.md works for a reader who types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pages import Command, File, Reader, steps


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_step_of_the_tutorial_works(tmp_path: Path) -> None:
    """Each file is written and each command run, in order; each prints what the page shows."""
    assert Reader(tmp_path).follow("tutorial.md") == []


def test_the_steps_are_found() -> None:
    """Otherwise the test above could pass on nothing."""
    found = steps("tutorial.md")
    assert [step.path for step in found if isinstance(step, File)] == [
        "fair/policies/booth.yaml",
        "fair/imagegate.yaml",
        "fair/policies/booth_test.yaml",
    ]
    assert len([step for step in found if isinstance(step, Command) and step.shown]) >= 8
