"""`imagegate eval images` from prompts to a report folder."""

from __future__ import annotations

import json

import pytest
from support.command import Cli
from support.judge import colour_judge


@pytest.fixture
def prompts(cli: Cli) -> str:
    """Two prompts for which the scripted generator draws a black picture, and a judge of colours."""
    colour_judge(cli.folder / "judge")
    things = [{"label": "apple", "emoji": "1f34e"}]
    rows = [{"prompt": f"apple {at}", "kind": "label", "things": things} for at in range(2)]
    (cli.folder / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return "mine.jsonl"


def test_figures_and_report(cli: Cli, prompts: str) -> None:
    """Seeds, judge and rates as JSON, and three files; nothing goes on record."""
    answer = cli.at(
        *("eval", "images", "--prompts", prompts, "--judge", "judge", "--seed", "7"), "--out", "out", "--json"
    ).json
    assert (answer["seed"], answer["judge"]["names"]) == (7, 11)
    assert answer["columns"]["painting"]["label: the likeliest name"]["total"] == 2
    assert [one["seed"] for one in answer["pictures"]] == [7, 8]
    written = sorted(path.name for path in (cli.folder / "out").iterdir())
    assert written == ["grid.png", "report.json", "report.md"]
    assert not (cli.folder / "data").exists()


def test_every_other_prompt(cli: Cli, prompts: str) -> None:
    """--every 2 takes the first of two, and a table is printed."""
    ran = cli.at("eval", "images", "--prompts", prompts, "--judge", "judge", "--every", "2")
    assert ran.exit_code == 0
    assert "label: the likeliest name (1)" in ran.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--prompts", "none.jsonl"], "none.jsonl: no such file"),
        (["--judge", "nowhere"], "--judge: the judge nowhere has no SHA256SUMS"),
        (["--generator", "unknown"], "--generator unknown: the settings name painting"),
        (["--artwork", "judge"], "--artwork"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_mistakes_are_told(cli: Cli, prompts: str, words: list[str], told: str) -> None:
    """Exit code 2, with what is wrong."""
    ran = cli.at("eval", "images", "--prompts", prompts, "--judge", "judge", *words)
    assert ran.exit_code == 2
    assert told.lower() in " ".join(ran.err.lower().split())
