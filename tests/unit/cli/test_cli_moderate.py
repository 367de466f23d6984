"""`imagegate moderate` shows what was measured and what the policy says."""

from __future__ import annotations

import pytest
from PIL import Image
from support.command import Cli


def test_a_harmless_text_is_allowed(cli: Cli) -> None:
    """Every category is listed with its score, and the verdict is allow."""
    ran = cli.at("moderate", "a red apple")
    assert ran.exit_code == 0
    rows = [line.split() for line in ran.out.splitlines() if "words" in line]
    assert sorted(rows) == [
        ["harassment", "0.050", "none", "words"],
        ["profanity", "0.050", "none", "words"],
        ["violence", "0.050", "none", "words"],
    ]
    assert "action     allow" in ran.out


def test_a_violent_text_is_blocked(cli: Cli) -> None:
    """Exit code 1; severity, rule and public reason are shown, the highest score first."""
    ran = cli.at("moderate", "a violent apple")
    assert ran.exit_code == 1
    first = next(line.split() for line in ran.out.splitlines() if "words" in line)
    assert first == ["violence", "0.950", "high", "words"]
    assert "rule       violent: block (violence) Violence." in ran.out


def test_json_holds_every_signal(cli: Cli) -> None:
    """JSON has the decision with all signals, the policy and what was covered."""
    answer = cli.at("moderate", "a violent apple", "--json").json
    decision = answer["decisions"][0]
    assert answer["flagged"] is True
    assert decision["severities"] == {"violence": "high"}
    assert {signal["category"] for signal in decision["signals"]} == {"violence", "profanity", "harassment"}
    assert answer["coverage"]["text"] == ["harassment", "profanity", "violence"]


@pytest.mark.parametrize(("red", "exit_code"), [(128, 0), (1, 1)])
def test_a_picture_is_judged(cli: Cli, red: int, exit_code: int) -> None:
    """A picture alone, and beside a text, is decoded and judged."""
    Image.new("RGB", (32, 32), (red, 0, 0)).save(cli.folder / "p.png")
    alone = cli.at("moderate", "--image", "p.png", "--json")
    assert alone.exit_code == exit_code
    both = cli.at("moderate", "a red apple", "--image", "p.png", "--json").json
    assert [decision["modality"] for decision in both["decisions"]] == ["text", "image"]


@pytest.mark.parametrize("words", [[], ["--image", "none.png"], [""]])
def test_nothing_to_judge_is_said(cli: Cli, words: list[str]) -> None:
    """Without a text or a readable picture nothing is judged: exit code 2, which no verdict has."""
    ran = cli.at("moderate", *words)
    assert ran.exit_code == 2
    assert "allow" not in ran.out + ran.err


def test_a_broken_picture_is_refused(cli: Cli) -> None:
    """A file that is no picture is an error, never a verdict."""
    (cli.folder / "p.png").write_bytes(b"not a picture")
    ran = cli.at("moderate", "--image", "p.png", "--json")
    assert ran.exit_code == 2
    assert "error" in ran.json


def test_an_unknown_policy_is_told(cli: Cli) -> None:
    """A policy that does not exist judges nothing; the message names those that do."""
    ran = cli.at("moderate", "a red apple", "--policy", "none")
    assert ran.exit_code == 2
    assert "scripted" in ran.err


def test_reads_standard_input(cli: Cli) -> None:
    """`-` judges what comes in."""
    assert cli.at("moderate", "-", stdin="a violent apple\n").exit_code == 1
