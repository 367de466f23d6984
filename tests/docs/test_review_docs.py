"""docs/review.md has every key and every act of the pages, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.api.console.explorer import WORDS
from gateway.api.console.keys import KEYS
from gateway.review.types import Act, Ground

PAGE = (Path(__file__).parents[2] / "docs" / "review.md").read_text("utf-8")
SCRIPT = (Path(__file__).parents[2] / "gateway/api/console/static/console.js").read_text("utf-8")
CASE = (Path(__file__).parents[2] / "gateway/api/console/templates/case.html").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    part = PAGE.partition(f"{heading}\n")[2].partition("\n#")[0]
    table = re.findall(r"^\| (`.*) \|$", part, re.MULTILINE)
    return [row.split(" | ") for row in table]


def test_every_key_stands_in_the_table() -> None:
    """With where it works and what it does."""
    assert rows("### Keys") == [[f"`{key.key}`", key.where, key.does] for key in KEYS]


def test_every_key_of_the_script_is_told() -> None:
    """What the script and the buttons listen to is in the table of keys."""
    listened = {
        *re.findall(r"^    (\w): \(\) =>", SCRIPT, re.MULTILINE),
        *re.findall(r'data-key="(\w)"', CASE),
    }
    listened |= set(re.findall(r" (\w): \(\) =>", SCRIPT))
    assert len(listened) > 10
    assert listened <= {key.key for key in KEYS}


def test_every_act_stands_in_the_table() -> None:
    """Each act a reviewer has, and no other."""
    told = [act for row in rows("## Acts") for act in re.findall(r"`(\w+)`", row[0])]
    assert sorted(told) == sorted(Act)


def test_every_ground_and_filter_is_told() -> None:
    """Grounds in their order; each filter of the explorer by name."""
    assert [row[0].strip("`") for row in rows("## Cases")] == list(Ground)
    assert [word for word in WORDS if f"`{word}`" not in PAGE] == []
