"""The documented ways to write a plug-in, as their author would check them: mypy and the contract suites."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from mypy import api

from classifiers.protocol import Classifier, ClassifierConfigError
from classifiers.testing import ClassifierContract
from gateway.core.errors import ConfigurationError
from gateway.core.ports import ImageGenerator, Rewriter
from gateway.generation.testing import GeneratorContract
from gateway.rewriting.testing import RewriterContract

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from plugin_classifier import ShoutingClassifier  # noqa: E402 - a package of their own has its own place
from plugin_generator import PlainGenerator  # noqa: E402
from plugin_rewriter import BlankingRewriter  # noqa: E402


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy says of all files here with --strict, with our packages seen as installed ones."""
    folder = tmp_path_factory.mktemp("author")
    config = folder / "mypy.ini"
    config.write_text(
        f"[mypy]\nstrict = True\nmypy_path = {ROOT}\nfollow_imports = silent\n"
        "[mypy-transformers.*,torch.*,PIL.*,re2.*]\nfollow_imports = skip\nignore_missing_imports = True\n"
    )
    files = [str(path) for path in sorted(HERE.glob("*.py")) if not path.name.startswith("test_")]
    cache = ["--cache-dir", str(ROOT / ".mypy_cache" / "typing"), "--config-file", str(config)]
    out, err, _ = api.run([*cache, "--no-error-summary", "--hide-error-context", *files])
    assert err == ""
    return out


def test_the_examples_are_well_typed(said: str) -> None:
    """Nothing is wrong in the examples, nor where each is used as the protocol it is written for."""
    assert [line for line in said.splitlines() if ": error:" in line and "mistakes.py" not in line] == []


def test_each_mistake_is_found(said: str) -> None:
    """Every marked line is refused for its reason, and no other line is."""
    found = set(re.findall(r"mistakes\.py:(\d+): error: .*\[([a-z-]+)\]$", said, re.MULTILINE))
    lines = (HERE / "mistakes.py").read_text().splitlines()
    marked = {
        (str(number), mark[1])
        for number, line in enumerate(lines, 1)
        if (mark := re.search(r"# refused: ([a-z-]+)$", line))
    }
    assert found == marked


class TestShouting(ClassifierContract):
    """The classifier keeps the contract that ours keep."""

    def make(self) -> Classifier:
        return ShoutingClassifier.from_options("shouting", {})

    def sample_items(self) -> Sequence[str]:
        return ["a red apple on a table", "A RED APPLE ON A TABLE", "A Red Apple On A Table"]


class TestBlanking(RewriterContract):
    """So does the rewriter; it is a rule, so it has no weights to name."""

    has_weights = False

    def make_rewriter(self) -> Rewriter:
        return BlankingRewriter.from_options("blanking", {})


class TestPlain(GeneratorContract):
    """So does the image backend."""

    async def make(self) -> ImageGenerator:
        return PlainGenerator.from_options("plain", {})

    async def make_slow(self) -> ImageGenerator:
        return PlainGenerator("plain", step_s=0.2)

    def work_seen(self, generator: ImageGenerator) -> int:
        assert isinstance(generator, PlainGenerator)
        return generator.steps_drawn


def test_a_wrong_option_is_named() -> None:
    """Each factory refuses what it does not know, with the error that its protocol names."""
    with pytest.raises(ClassifierConfigError, match="at_least"):
        ShoutingClassifier.from_options("shouting", {"at_most": 3})
    with pytest.raises(ConfigurationError, match="word"):
        BlankingRewriter.from_options("blanking", {"word": "two words"})
    with pytest.raises(ConfigurationError, match="colour"):
        PlainGenerator.from_options("plain", {"colour": "red"})
