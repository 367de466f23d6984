"""docs/plugins.md is a whole plug-in: it builds, installs, passes the contract and serves a policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pages import Command, File, Reader, steps


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_classifier_of_the_page_works(tmp_path: Path) -> None:
    """Its package is built by pip, its tests pass, and the gateway blocks by what it measures."""
    assert Reader(tmp_path).follow("plugins.md") == []


def test_the_steps_are_found() -> None:
    """Otherwise the test above could pass on nothing."""
    found = steps("plugins.md")
    assert [step.path for step in found if isinstance(step, File)] == [
        "imagegate-brands/imagegate_brands.py",
        "imagegate-brands/pyproject.toml",
        "imagegate-brands/test_brands.py",
        "imagegate.yaml",
        "house-policies/house.yaml",
    ]
    assert len([step for step in found if isinstance(step, Command) and step.shown]) == 3
