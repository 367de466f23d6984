"""The page about generators names every option, with its true default."""

from pathlib import Path

import pytest

from gateway.generation.diffusers_options import DiffusersOptions
from gateway.generation.openai_options import OpenAIOptions

PAGE = (Path(__file__).parents[3] / "docs" / "generation.md").read_text("utf-8")


def section(title):
    return PAGE.split(f"## `{title}`")[1].split("\n## ")[0]


@pytest.mark.parametrize(("title", "options"), [("diffusers", DiffusersOptions), ("openai", OpenAIOptions)])
def test_every_option_is_documented(title, options):
    """An option that the page does not name in its backend's table is no option for anybody."""
    rows = [line for line in section(title).splitlines() if line.startswith("| `")]

    for name, field in options.model_fields.items():
        (row,) = [row for row in rows if f"`{name}`" in row.split("|")[1]]
        default = row.split("|")[2]
        if isinstance(field.default, int | float | str) and not isinstance(field.default, bool):
            assert str(field.default).removesuffix(".0") in default, name
