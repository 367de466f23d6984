"""`imagegate moderate --jsonl`: a line for each line, taken up again where it stopped."""

from __future__ import annotations

import json
from typing import Any

from support.command import Cli


def written(cli: Cli, *lines: object) -> None:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (cli.folder / "in.jsonl").write_text(text + "\n", "utf-8")


def judged(cli: Cli) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (cli.folder / "out.jsonl").read_text("utf-8").splitlines()]


def test_every_line_has_its_result(cli: Cli) -> None:
    """In order, with number, id, action, severities, rules and the decision on record; exit code 0."""
    written(
        cli,
        {"id": "a", "text": "a red apple"},
        "",
        {"id": 2, "text": "a violent apple"},
        json.dumps("a hill"),
    )
    ran = cli.at("moderate", "--jsonl", "in.jsonl", "--out", "out.jsonl", "--json")
    assert ran.exit_code == 0
    assert ran.json["actions"] == {"allow": 2, "block": 1}
    rows = judged(cli)
    assert [(row["line"], row["id"], row["action"]) for row in rows] == [
        (1, "a", "allow"),
        (3, 2, "block"),
        (4, None, "allow"),
    ]
    assert rows[1]["severities"] == {"violence": "high"}
    assert rows[1]["rules"] == ["violent"]
    assert rows[1]["scores"]["violence"] == 0.95
    assert cli.at("audit", "show", rows[1]["decision"]).exit_code == 0


def test_lines_that_can_not_be_judged_are_named(cli: Cli) -> None:
    """Each holds what is wrong and the fix; the others are judged; exit code 2."""
    written(cli, "{no json", {"id": 1}, {"id": 2, "text": "  "}, {"id": [], "text": "x"}, {"text": "a hill"})
    assert cli.at("moderate", "--jsonl", "in.jsonl", "--out", "out.jsonl").exit_code == 2
    rows = judged(cli)
    assert [sorted(row) for row in rows[:4]] == [["error", "id", "line"]] * 4
    assert [("not JSON" in rows[0]["error"]), ("no text" in rows[1]["error"])] == [True, True]
    assert [rows[2]["error"], rows[3]["error"]] == ["text: is empty", "id: must be a text or a whole number"]
    assert rows[4]["action"] == "allow"


def test_an_interrupted_run_is_taken_up(cli: Cli) -> None:
    """Lines in the output are skipped, a torn last line is judged again, nothing stands twice."""
    written(cli, *({"id": at, "text": f"a hill {at}"} for at in range(6)))
    assert cli.at("moderate", "--jsonl", "in.jsonl", "--out", "out.jsonl").exit_code == 0
    whole = (cli.folder / "out.jsonl").read_bytes()
    kept = whole.splitlines(keepends=True)
    (cli.folder / "out.jsonl").write_bytes(b"".join(kept[:3]) + kept[3][:20])
    ran = cli.at("moderate", "--jsonl", "in.jsonl", "--out", "out.jsonl", "--json")
    assert (ran.json["skipped"], ran.json["actions"]) == (3, {"allow": 3})
    assert [row["id"] for row in judged(cli)] == list(range(6))
    assert (cli.folder / "out.jsonl").read_bytes().startswith(b"".join(kept[:3]))


def test_another_input_s_output_is_refused(cli: Cli) -> None:
    """Ids that differ, and a file of other lines, are told before anything is added."""
    written(cli, {"id": "a", "text": "a hill"})
    cli.at("moderate", "--jsonl", "in.jsonl", "--out", "out.jsonl")
    before = (cli.folder / "out.jsonl").read_bytes()
    written(cli, {"id": "b", "text": "a hill"})
    ran = cli.at("moderate", "--jsonl", "in.jsonl", "--out", "out.jsonl")
    assert ran.exit_code == 2
    assert "belongs to another input" in ran.err
    (cli.folder / "notes.txt").write_text("my notes\n")
    assert cli.at("moderate", "--jsonl", "in.jsonl", "--out", "notes.txt").exit_code == 2
    assert (cli.folder / "out.jsonl").read_bytes() == before
    assert (cli.folder / "notes.txt").read_text() == "my notes\n"


def test_the_two_files_belong_together(cli: Cli) -> None:
    """One without the other, a text beside them, and a file that is not there are wrong input."""
    written(cli, {"text": "a hill"})
    for arguments in (("--jsonl", "in.jsonl"), ("--out", "o"), ("x", "--jsonl", "in.jsonl", "--out", "o")):
        assert cli.at("moderate", *arguments).exit_code == 2
    assert cli.at("moderate", "--jsonl", "nowhere.jsonl", "--out", "o").exit_code == 2
