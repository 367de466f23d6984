"""`imagegate policy` finds mistakes before a server does."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import Cli
from support.gateway import POLICY

_TESTS = """\
policy: scripted
cases:
  - {name: rude words, stage: prompt, scores: {profanity: 0.5}, expect: {action: rewrite}}
  - {name: doubt, stage: prompt, scores: {harassment: 0.7}, expect: {action: hold}}
  - {name: violence, stage: prompt, scores: {violence: 0.95}, expect: {action: block}}
  - {name: nude, stage: image, scores: {sexual: 0.95}, expect: {action: block}}
  - {name: gore, stage: image, scores: {violence: 0.95}, expect: {action: redact}}
  - {name: hate, stage: image, scores: {hate: 0.95}, expect: {action: hold}}
"""


@pytest.fixture
def policy(cli: Cli) -> Path:
    return cli.folder / "policies" / "scripted.yaml"


def test_a_good_policy_with_tests_is_ok(cli: Cli, policy: Path) -> None:
    """Its golden tests run and reach every rule."""
    policy.with_name("scripted_test.yaml").write_text(_TESTS)
    ran = cli.at("policy", "check", str(policy))
    assert ran.exit_code == 0
    assert "6 of 6 cases pass" in ran.out
    assert f"{policy}: ok" in ran.out


def test_a_policy_without_tests_is_told(cli: Cli, policy: Path) -> None:
    """A missing test file is said, and is no failure."""
    ran = cli.at("policy", "check", str(policy.parent))
    assert ran.exit_code == 0
    assert "write scripted_test.yaml" in ran.out


def test_a_mistake_is_shown_with_its_place(cli: Cli, policy: Path) -> None:
    """File, line, column, caret and hint; exit code 1; a second file is still checked."""
    broken = policy.with_name("broken.yaml")
    broken.write_text(
        POLICY.replace("name: scripted", "name: broken").replace("category: hate", "category: haet")
    )
    ran = cli.at("policy", "check", str(broken), str(policy))
    assert ran.exit_code == 1
    line = next(n for n, text in enumerate(broken.read_text().splitlines(), 1) if "haet" in text)
    assert f"{broken}:{line}:" in ran.out
    assert "^" in ran.out
    assert f"{policy}: ok" in ran.out


def test_a_replay_tells_what_would_have_changed(cli: Cli, policy: Path) -> None:
    """Under the same policy nothing changes; under another one what would is named; nothing is written."""
    assert cli.at("moderate", "a violent apple").exit_code == 1
    assert cli.at("moderate", "a red apple").exit_code == 0
    before = cli.at("audit", "list", "--json").out
    same = cli.at("policy", "replay", "scripted", "--json").json
    assert (same["decisions"], same["changed"], same["not_comparable"]) == (2, [], [])
    milder = policy.with_name("milder.yaml")
    milder.write_text(
        POLICY.replace("name: scripted", "name: milder").replace("action: block", "action: hold")
    )
    replayed = cli.at("policy", "replay", str(milder), "--json").json
    assert [(one["from"], one["to"]) for one in replayed["changed"]] == [("block", "hold")]
    assert "1 would change" in cli.at("policy", "replay", str(milder)).out
    assert cli.at("policy", "replay", str(milder), "--since", "2999-01-01", "--json").json["decisions"] == 0
    assert cli.at("audit", "list", "--json").out == before


def test_a_failing_case_and_an_unreached_rule_fail(cli: Cli, policy: Path) -> None:
    """A golden test that fails, and a rule that no case reaches, are violations."""
    tests = policy.with_name("scripted_test.yaml")
    tests.write_text(_TESTS.replace("expect: {action: hold}", "expect: {action: allow}", 1))
    failing = cli.at("policy", "check", str(policy))
    assert failing.exit_code == 1
    assert "action is hold, expected allow" in failing.out
    tests.write_text("\n".join(_TESTS.splitlines()[:-1]) + "\n")
    unreached = cli.at("policy", "check", str(policy), "--json")
    assert unreached.exit_code == 1
    assert unreached.json["files"][0]["tests"]["unreached"] == ["doubtful"]


def test_json_holds_the_problems(cli: Cli, policy: Path) -> None:
    """Each problem has file, line, column, message and hint."""
    policy.write_text(POLICY + "extra: 1\n")
    ran = cli.at("policy", "check", str(policy), "--json")
    problem = ran.json["files"][0]["problems"][0]
    assert ran.exit_code == 1
    assert (problem["file"], problem["line"], problem["column"]) == (str(policy), POLICY.count("\n") + 1, 1)
    assert problem["message"]


def test_a_missing_file_is_named(cli: Cli) -> None:
    """A file that is not there is a violation with its name."""
    ran = cli.at("policy", "check", "none.yaml")
    assert ran.exit_code == 1
    assert "none.yaml" in ran.out


def test_a_folder_without_policies_is_no_success(cli: Cli) -> None:
    """Checking nothing is a mistake, so that a mistyped folder can't pass."""
    (cli.folder / "empty").mkdir()
    ran = cli.at("policy", "check", "empty")
    assert ran.exit_code == 2
    assert "empty" in ran.err


def test_lists_what_serves_and_what_cannot(cli: Cli) -> None:
    """The default is marked; library policies that these classifiers can't serve are told with the reason."""
    ran = cli.at("policy", "list", "--json").json
    assert ran["default"] == "scripted"
    assert [policy["name"] for policy in ran["policies"]] == ["scripted"]
    assert set(ran["unusable"]) == {"default", "strict", "permissive"}
    text = cli.at("policy", "list")
    assert "scripted (default)" in text.out


def test_shows_classifiers_and_rules(cli: Cli) -> None:
    """Rules come strictest first with their reasons, locked ones marked."""
    ran = cli.at("policy", "show", "scripted")
    assert "prompt: words (20000 ms, on failure block)" in ran.out
    assert "(locked)" in ran.out
    view = cli.at("policy", "show", "scripted", "--json").json
    assert {rule["id"] for rule in view["stages"]["image"]["rules"]} >= {"shown", "veiled", "doubtful"}


def test_an_unknown_policy_is_a_configuration_error(cli: Cli) -> None:
    """Exit code 2 with the names that exist."""
    ran = cli.at("policy", "show", "none")
    assert ran.exit_code == 2
    assert "scripted" in ran.err


def test_coverage_says_who_looks_for_what_and_what_nobody_does(cli: Cli, policy: Path) -> None:
    """Each category that a picture can show has its classifiers or nobody; a file serves like a name."""
    view = cli.at("policy", "coverage", "scripted", "--json").json["stages"]["image"]
    assert view["covered"] == {"sexual": ["looks"], "hate": ["looks"], "violence": ["looks"]}
    assert {"sexual/minors", "text-in-picture"} <= set(view["uncovered"])
    printed = cli.at("policy", "coverage", str(policy))
    assert "nobody" in printed.out
    assert printed.exit_code == 0
    assert cli.at("policy", "coverage", "none.yaml").exit_code == 2
