"""`imagegate eval text` from files to a report folder, over scripted classifiers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.command import Cli

PROMPTS = [
    {"text": "a violent scene with a knife", "violence": 1, "slice": "plain"},
    {"text": "a scene with a knife and a victim", "violence": 1, "slice": "indirect"},
    {"text": "a violent storm at sea", "violence": 0, "slice": "weather"},
    {"text": "a red apple", "violence": 0, "sexual": 0, "slice": "food"},
    {"text": "violent blow to a stranger", "violence": 1, "pair": "1"},
    {"text": "soft blow of the wind", "violence": 0, "pair": "1"},
]
GOLDEN = Path(__file__).parents[2] / "golden" / "evaluation" / "text_report.md"


@pytest.fixture
def prompts(cli: Cli) -> str:
    path = cli.folder / "prompts.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in PROMPTS))
    return "prompts.jsonl"


def test_figures_of_a_scripted_classifier(cli: Cli, prompts: str) -> None:
    """`words` finds two of three violating prompts and flags one of three harmless ones."""
    (cli.folder / "captions.txt").write_text("a dog\na violent waterfall\n")
    answer = cli.at("eval", "text", prompts, "--benign", "captions.txt", "--json").json
    words, whole = answer["candidates"]
    assert (words["name"], whole["name"]) == ("words", "policy scripted")
    flagged = words["flagged"]
    assert (flagged["violating"]["count"], flagged["violating"]["total"]) == (2, 3)
    assert (flagged["harmless"]["count"], flagged["harmless"]["total"]) == (2, 5)
    assert words["rankings"]["violence"]["positives"] == 3
    assert words["rankings"]["violence"]["auc"] == pytest.approx((2 * 3 + 2 * 2 * 0.5 + 1 * 3 * 0.5) / 15)
    assert words["pairs"]["ordered"]["count"] == 1
    assert words["right_by_slice"]["prompts.jsonl"]["indirect"]["rate"] == 0
    assert all(one["points"] == 0 for one in words["evasions"].values())
    assert all(one["harmless_points"] == 0 for one in words["evasions"].values())
    assert len(words["evasions"]) == 10
    assert words["speed"]["prompts"] == 8
    assert not (cli.folder / "data").exists(), "a measurement goes on no record"


def test_classifiers_side_by_side(cli: Cli, prompts: str) -> None:
    """An installed type joins by its name; the policy's own classifiers are measured as the policy alone."""
    answer = cli.at("eval", "text", prompts, "--classifier", "wordlist", "--quick", "--json").json
    assert [one["name"] for one in answer["candidates"]] == ["wordlist", "policy scripted"]
    assert set(answer["classifiers"]) == {"wordlist", "words"}
    assert answer["candidates"][0]["evasions"] == {}
    assert answer["candidates"][0]["speed"] is None


def test_the_report_folder(cli: Cli, prompts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """report.md as it is meant to be read, report.json with every point of the curves, and the plots."""
    monkeypatch.setattr("sys.argv", ["imagegate", "eval", "text", prompts, "--out", "out"])
    ran = cli.at("eval", "text", prompts, "--quick", "--out", "out")
    assert ran.exit_code == 0
    assert "words" in ran.out
    out = cli.folder / "out"
    report = re.sub(r"revision `[0-9a-f]{16}`", "revision `…`", (out / "report.md").read_text())
    assert report == GOLDEN.read_text()
    content = json.loads((out / "report.json").read_text())
    assert content["candidates"][0]["rankings"]["violence"]["roc"][0] == [0.0, 0.0]
    for name in ("precision-recall.png", "roc.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in out.iterdir()) == [
        "precision-recall.png",
        "report.json",
        "report.md",
        "roc.png",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["missing.jsonl"], "missing.jsonl: the file can't be read"),
        ([], "name a dataset"),
        (["prompts.jsonl", "--classifier", "looks"], "--classifier looks: it looks at pictures"),
        (["prompts.jsonl", "--classifier", "nothing"], "type 'nothing'"),
        (["prompts.jsonl", "--policy", "nothing"], 'no policy named "nothing"'),
        (["bad.jsonl"], "bad.jsonl:1: the text can't be judged"),
    ],
)
def test_mistakes_are_told(cli: Cli, prompts: str, words: list[str], told: str) -> None:
    """Exit code 2 and what to fix, as one JSON value when asked for."""
    (cli.folder / "bad.jsonl").write_text('{"text": "\\ud800", "violence": 1}')
    ran = cli.at("eval", "text", *words, "--json")
    assert ran.exit_code == 2
    assert told.lower() in ran.json["error"]["message"].lower()


def test_a_missing_extra_is_named(cli: Cli, prompts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the libraries nothing is loaded, and the message is the command that installs them."""
    monkeypatch.setattr("gateway.evaluation.libraries.find_spec", lambda _module: None)
    ran = cli.at("eval", "text", prompts)
    assert ran.exit_code == 2
    assert "pip install 'imagegate[evaluation]'" in ran.err


def test_tune_proposes_bands(cli: Cli, prompts: str) -> None:
    """`words` scores .95 or .05: with one of three harmless prompts at .95, an edge lies above it."""
    answer = cli.at("eval", "tune", prompts, "--fpr", "0.4", "--out", "bands.yaml", "--json").json
    assert answer["classifiers"] == ["words"]
    low = answer["bands"]["violence"]["edges"]["low"]
    assert low["edge"] == pytest.approx(0.5, abs=1e-3)
    assert (low["false_positives"]["count"], low["recall"]["count"]) == (1, 2)
    assert answer["left_out"] == {"sexual": "no classifier here measures it"}
    assert (cli.folder / "bands.yaml").read_text() == answer["yaml"] + "\n"

    ran = cli.at("eval", "tune", prompts, "--fpr", "0.4")
    assert "  violence: {low: 0.5" in ran.out
    assert "sexual is left out" in ran.out
