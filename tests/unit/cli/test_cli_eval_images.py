"""`imagegate eval images-safety` from pictures to a report folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command import Cli
from support.gateway import PIXEL

SEXUAL, VIOLENCE = 1, 2
assert (PIXEL[SEXUAL], PIXEL[VIOLENCE]) == ("sexual", "violence")


def picture(path: Path, red: int = 0) -> Path:
    """A grey picture whose first pixel says what the scripted classifier sees in it."""
    pixels = np.full((24, 32, 3), 128, np.uint8)
    pixels[0, 0, 0] = red
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def holiday(cli: Cli) -> str:
    """Four harmless pictures; one of them looks violent."""
    for at, red in enumerate((0, 0, VIOLENCE, 0)):
        picture(cli.folder / "holiday" / f"{at}.png", red)
    (cli.folder / "holiday" / "notes.txt").write_text("no picture")
    return "holiday"


def test_false_alarms_recall_and_what_the_policy_did(cli: Cli, holiday: str) -> None:
    """A folder is harmless, another has a folder a category; counts are the policy's own actions."""
    for name, red in {"sexual/a.png": SEXUAL, "sexual/b.png": 0, "benign/c.png": 0}.items():
        picture(cli.folder / "concepts" / name, red)
    answer = cli.at("eval", "images-safety", holiday, "--labelled", "concepts", "--json").json
    looks, whole = answer["candidates"]
    assert (looks["name"], whole["name"]) == ("looks", "policy scripted")
    alarms = looks["flagged_by_dataset"]["holiday"]["harmless"]
    assert (alarms["count"], alarms["total"]) == (1, 4)
    assert alarms["high"] == pytest.approx(0.699, abs=0.001), "Wilson's interval"
    assert (looks["flagged_by_category"]["sexual"]["count"], looks["rankings"]["sexual"]["positives"]) == (
        1,
        2,
    )
    assert answer["actions"] == {"holiday": {"allow": 3, "redact": 1}, "concepts": {"allow": 2, "block": 1}}
    worst = answer["worst"]["looks"]
    assert worst["false_alarms"][0]["picture"] == "2.png"
    assert [one["picture"] for one in worst["misses"]] == ["sexual/b.png", "sexual/a.png"]
    assert answer["cpu_ms"]["looks"] >= 0
    assert not (cli.folder / "data").exists(), "a measurement goes on no record"


def test_labels_in_a_file_and_drawn_pictures(cli: Cli) -> None:
    """Paths stand relative to the file; an unlabelled category is not counted; the generator draws more."""
    picture(cli.folder / "set" / "a.png", VIOLENCE)
    picture(cli.folder / "set" / "b.png")
    rows = [{"path": "a.png", "labels": {"violence": 1}}, {"path": "b.png", "violence": 0, "sexual": 0}]
    (cli.folder / "set" / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    answer = cli.at("eval", "images-safety", "set/rows.jsonl", "--draw", "3", "--quick", "--json").json
    assert answer["datasets"] == {"set/rows.jsonl": 2, "drawn": 3}
    assert answer["candidates"][0]["rankings"]["violence"]["auc"] == 1.0
    assert answer["actions"]["drawn"] == {"allow": 3}
    assert answer["cpu_ms"] == {}


def test_the_report_folder(cli: Cli, holiday: str) -> None:
    """report.md, report.json, the spread of the scores, and a contact sheet with the worst pictures."""
    ran = cli.at("eval", "images-safety", holiday, "--quick", "--out", "out")
    assert ran.exit_code == 0
    report = (cli.folder / "out" / "report.md").read_text()
    assert "| holiday (4): harmless | 25.0 % (4.6–69.9) | 25.0 % (4.6–69.9) |" in report
    assert "| holiday | 3 | 1 | 0 | 0 | 0 | 0 |" in report
    assert sorted(path.name for path in (cli.folder / "out").iterdir()) == [
        "report.json",
        "report.md",
        "scores.png",
        "worst.png",
    ]
    with Image.open(cli.folder / "out" / "worst.png") as sheet:
        assert sheet.getpixel((4, 40)) == (255, 0, 0), "the false alarm stands first, framed in red"


@pytest.mark.models
def test_classifiers_of_one_category_are_compared(cli: Cli, holiday: str) -> None:
    """The embedded opennsfw beside the scripted one: agreement on `sexual`, none on what one alone covers."""
    answer = cli.at(
        "eval", "images-safety", holiday, "--classifier", "looks", "--classifier", "opennsfw", "--json"
    ).json
    assert [one["name"] for one in answer["candidates"]] == ["looks", "opennsfw", "policy scripted"]
    (agreement,) = answer["agreement"]
    assert (agreement["category"], agreement["classifiers"]) == ("sexual", ["looks", "opennsfw"])
    assert (agreement["together"]["count"], agreement["first_only"], agreement["second_only"]) == (3, 1, 0)
    assert agreement["rank_correlation"] is None, "looks gives all of them the same sexual score"
    assert answer["cpu_ms"]["opennsfw"] > 0


def test_a_limit_takes_evenly_from_each_set(cli: Cli, holiday: str) -> None:
    """The first and the middle one of four, the same on every run."""
    answer = cli.at("eval", "images-safety", holiday, "--limit", "2", "--quick", "--json").json
    assert {one["picture"] for one in answer["worst"]["looks"]["false_alarms"]} == {"0.png", "2.png"}


def test_emoji_of_an_npm_package(cli: Cli) -> None:
    """Its icons are drawn on white; variants, and what shows a weapon, are left out."""
    pytest.importorskip("resvg_py")
    body = '<path fill="red" d="M2 2h4v4H2z"/>'
    icons = {name: {"body": body} for name in ("apple", "waving-hand-dark-skin-tone", "kitchen-knife")}
    folder = cli.folder / "noto"
    folder.mkdir()
    (folder / "icons.json").write_text(json.dumps({"icons": icons, "width": 8, "height": 8}))
    answer = cli.at("eval", "images-safety", "--emoji", "noto", "--quick", "--json").json
    assert answer["datasets"] == {"emoji noto": 1}
    from gateway.evaluation.pictures import read_pictures

    (apple,) = read_pictures([], [], [folder], None)
    assert (apple.name, apple.pixels().shape) == ("apple", (512, 512, 3))
    assert tuple(apple.pixels()[0, 0]) == (255, 255, 255)
    assert tuple(apple.pixels()[256, 256]) == (255, 0, 0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "nothing to measure"),
        (["missing"], "missing: no such folder"),
        (["empty"], "empty: no picture in it"),
        (["bad"], "bad/cut.png: "),
        (["bad.jsonl"], "bad.jsonl:1: no path"),
        (["holiday", "--classifier", "words"], "--classifier words: it reads text"),
        (["holiday", "--policy", "nothing"], 'no policy named "nothing"'),
        (["--labelled", "holiday"], "is no category"),
        (["--emoji", "holiday"], "no icons.json"),
        (["holiday", "--draw", "-1"], "--draw"),
    ],
)
def test_mistakes_are_told(cli: Cli, holiday: str, words: list[str], told: str) -> None:
    """Exit code 2, with what is wrong and where."""
    (cli.folder / "empty").mkdir()
    cut = picture(cli.folder / "bad" / "cut.png")
    cut.write_bytes(cut.read_bytes()[:60])
    (cli.folder / "bad.jsonl").write_text('{"labels": {"violence": 1}}')
    ran = cli.at("eval", "images-safety", *words)
    assert ran.exit_code == 2
    assert told.lower() in " ".join(ran.err.lower().split())
