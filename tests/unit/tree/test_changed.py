"""The quick loop runs the tests of what changed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests"))

from changed import ALWAYS, MIRRORS, mirrored  # noqa: E402 - a script beside the test folders


@pytest.mark.parametrize(
    ("path", "tests"),
    [
        ("gateway/pipeline/run.py", "tests/unit/pipeline"),
        ("gateway/api/viewer/viewer.js", "tests/unit/api"),
        ("classifiers/normalize.py", "tests/unit/classifiers"),
        ("classifiers/image/clip.py", "tests/unit/classifiers_image"),
        ("policies/checks/empty_stage.py", "tests/unit/policies"),
        ("tests/golden/test_policy_docs.py", "tests/golden/test_policy_docs.py"),
    ],
)
def test_a_changed_file_brings_its_tests(path: str, tests: str) -> None:
    """A module's mirror in tests/unit, or the changed test itself, is run; so are those of the house."""
    assert mirrored([path]) == sorted({*ALWAYS, tests})


def test_what_has_no_mirrored_its_own_brings_those_of_the_house() -> None:
    """A page, a deleted test or a room without unit tests adds nothing."""
    assert mirrored(["docs/api.md", "tests/unit/test_gone.py", "gateway/__init__.py"]) == sorted(ALWAYS)


def test_every_mirror_exists() -> None:
    """Both sides of the table are folders of the repository."""
    assert [path for pair in MIRRORS.items() for path in pair if not (ROOT / path).is_dir()] == []
