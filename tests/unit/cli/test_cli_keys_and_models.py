"""`imagegate keys` and `imagegate models list`."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from support.command import Cli

from gateway.api.keys import KeyTable, Role, load_keys
from gateway.cli.keys import RoleName


def test_a_key_is_shown_once_and_stored_as_a_hash(cli: Cli) -> None:
    """Standard output is the key alone; the file holds its hash, for the owner only."""
    ran = cli.at("keys", "add", "--role", "audit", "--tenant", "shop", "--rate-per-minute", "60")
    secret = ran.out.strip()
    file = cli.folder / "data" / "api-keys.jsonl"
    assert secret not in file.read_text()
    assert hashlib.sha256(secret.encode()).hexdigest() in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = KeyTable(load_keys(file)).match(secret)
    assert key is not None
    assert (key.role, key.tenant, key.rate_per_minute) == ("audit", "shop", 60)
    assert "keys_file" in ran.err


def test_a_key_names_a_policy_that_serves(cli: Cli) -> None:
    """A mistyped policy is exit code 2 with the names there are, and no key is made."""
    ran = cli.at("keys", "add", "--policy", "scriptd")
    assert ran.exit_code == 2
    assert "scripted" in ran.err
    assert not (cli.folder / "data" / "api-keys.jsonl").exists()
    assert cli.at("keys", "add", "--policy", "scripted").exit_code == 0


def test_a_revoked_key_matches_no_more(cli: Cli) -> None:
    """Revoking keeps the line and ends the key."""
    made = cli.at("keys", "add", "--json").json
    listed = cli.at("keys", "list", "--json").json["keys"]
    assert [(key["id"], key["revoked"]) for key in listed] == [(made["id"], False)]
    assert cli.at("keys", "revoke", made["id"]).exit_code == 0
    assert "revoked" in cli.at("keys", "list").out.splitlines()[-1] + cli.at("keys", "list").out
    assert KeyTable(load_keys(Path(made["file"]))).match(made["key"]) is None


def test_revoking_an_unknown_key_fails(cli: Cli) -> None:
    """Exit code 1: nothing was revoked."""
    cli.at("keys", "add")
    assert cli.at("keys", "revoke", "key_none").exit_code == 1


def test_a_broken_key_file_is_named_by_line(cli: Cli) -> None:
    """Exit code 2 with the line."""
    (cli.folder / "k.jsonl").write_text("{}\n")
    ran = cli.at("keys", "list", "--file", "k.jsonl")
    assert ran.exit_code == 2
    assert "line 1" in ran.err


def test_models_are_listed_with_their_cards(cli: Cli) -> None:
    """Cards with licence, revision, languages and coverage; and the types that settings can name."""
    view = cli.at("models", "list", "--json").json
    card = view["classifiers"][0]
    assert (card["name"], card["licence"], card["languages"]) == ("words", "Apache-2.0", ["*"])
    assert card["categories"] == ["harassment", "profanity", "violence"]
    assert view["rewriter"]["name"] == "scripted"
    assert view["generators"]["painting"]["default_size"] == "64x64"
    assert "smollm2" in view["installed_types"]["imagegate.rewriters"]
    text = cli.at("models", "list").out
    assert all(word in text for word in ("words", "looks", "painting", "harassment, profanity, violence"))


def test_the_command_knows_every_role() -> None:
    """The names on the command line, kept apart so that `--help` loads no key file's form, are the roles."""
    assert [role.value for role in RoleName] == [role.value for role in Role]
