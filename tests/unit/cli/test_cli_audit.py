"""`imagegate audit` lists, shows and verifies; looking into sealed text leaves its own record."""

from __future__ import annotations

import base64
import re
import shutil
import sqlite3

import pytest
from support.command import Cli

from gateway.audit import AuditSettings, SqliteAuditLog, new_id
from gateway.audit.reader import StoredRecord
from gateway.cli.audit_views import print_records
from gateway.core.ports import RecordDraft


@pytest.fixture
def used(cli: Cli) -> Cli:
    """A log with one delivered and one blocked request."""
    assert cli.at("generate", "a red apple").exit_code == 0
    assert cli.at("generate", "a violent apple").exit_code == 1
    return cli


def test_lists_newest_first_with_filters(used: Cli) -> None:
    """Every decision of both requests is there; filters narrow it."""
    everything = used.at("audit", "list", "--json").json["records"]
    indices = [record["index"] for record in everything]
    assert indices == sorted(indices, reverse=True)
    blocked = used.at("audit", "list", "--action", "block", "--stage", "prompt", "--json").json["records"]
    assert [record["rules"][0]["category"] for record in blocked] == ["violence"]
    by_rule = used.at("audit", "list", "--rule", "violent", "--category", "violence", "--json").json
    assert by_rule["records"] == blocked
    assert used.at("audit", "list", "--since", "2999-01-01", "--json").json["records"] == []
    assert used.at("audit", "list", "--tenant", "nobody", "--json").json["records"] == []


def test_pages_hold_together(used: Cli) -> None:
    """Following next_cursor gives every record once."""
    wanted = [r["id"] for r in used.at("audit", "list", "--oldest-first", "--json").json["records"]]
    seen: list[str] = []
    cursor: list[str] = []
    while True:
        page = used.at("audit", "list", "--limit", "2", "--oldest-first", "--json", *cursor).json
        seen += [record["id"] for record in page["records"]]
        if page["next_cursor"] is None:
            break
        cursor = ["--cursor", str(page["next_cursor"])]
    assert seen == wanted


def test_the_table_never_holds_a_prompt(used: Cli) -> None:
    """Listing shows stages, actions and rules, and no text of a user."""
    ran = used.at("audit", "list")
    assert "violent" in ran.out  # the rule's name
    assert "apple" not in ran.out


def test_shows_a_record_and_a_whole_request(used: Cli) -> None:
    """An id of a record gives it; an id of a request gives its records in order."""
    record = used.at("audit", "list", "--action", "block", "--stage", "prompt", "--json").json["records"][0]
    assert used.at("audit", "show", record["id"], "--json").json == record
    trail = used.at("audit", "show", record["request"]["id"], "--json").json
    assert (trail[0]["stage"], trail[-1]["stage"]) == ("prompt", "outcome")


def test_unsealing_is_recorded_first(used: Cli) -> None:
    """The prompt is shown, and an access record names what was opened."""
    record = used.at("audit", "list", "--action", "block", "--stage", "prompt", "--json").json["records"][0]
    shown = used.at("audit", "show", record["id"], "--unseal", "--json").json
    assert shown["unsealed"]["prompt"] == "a violent apple"
    access = used.at("audit", "list", "--type", "access", "--json").json["records"]
    assert [one["records"] for one in access] == [[record["id"]]]


def test_an_unknown_id_is_said(used: Cli) -> None:
    """Exit code 1, and no traceback."""
    ran = used.at("audit", "show", "none")
    assert ran.exit_code == 1
    assert "no such audit record" in ran.err


def test_a_sound_log_verifies(used: Cli) -> None:
    """Exit code 0, every check without findings, sealed parts opened on demand."""
    ran = used.at("audit", "verify", "--open-sealed", "--json")
    assert ran.exit_code == 0
    assert ran.json["ok"] is True
    assert ran.json["records"] > 5
    assert "the log verifies" in used.at("audit", "verify").out


def test_a_tampered_log_exits_3(used: Cli) -> None:
    """One changed record is found by the leaf's check, in text and in JSON."""
    database = used.folder / "data" / "audit" / "audit.db"
    connection = sqlite3.connect(database)
    connection.execute("UPDATE records SET body = replace(body, 'block', 'allow') WHERE idx = 3")
    connection.commit()
    connection.close()
    ran = used.at("audit", "verify", "--json")
    assert ran.exit_code == 3
    assert [check["name"] for check in ran.json["checks"] if check["failures"]]
    assert "CORRUPT" in used.at("audit", "verify").out


def test_a_heads_file_that_is_not_there_is_no_corruption(used: Cli) -> None:
    """A mistyped name is exit code 2: the log itself is not called corrupt."""
    ran = used.at("audit", "verify", "--heads-file", "none.txt")
    assert ran.exit_code == 2
    assert "none.txt" in ran.err
    assert "CORRUPT" not in ran.out


def test_the_table_says_how_a_request_ended(used: Cli) -> None:
    """The row of an outcome shows the outcome."""
    rows = used.at("audit", "list", "--stage", "outcome").out
    assert "blocked" in rows
    assert "delivered" in rows


def test_without_a_log_it_is_a_configuration_error(cli: Cli) -> None:
    """Exit code 2 names what is missing."""
    assert cli.at("audit", "list").exit_code == 2
    ran = cli.at("audit", "verify")
    assert ran.exit_code == 2
    assert "--public-key" in ran.err


def test_a_wrong_time_is_named(used: Cli) -> None:
    """A time that is none names its option."""
    ran = used.at("audit", "list", "--since", "yesterday")
    assert ran.exit_code == 2
    assert "--since" in ran.err


def test_a_proof_stands_without_the_log(used: Cli) -> None:
    """The file of one record is checked with the public key alone; a changed record exits 3."""
    record = used.at("audit", "list", "--action", "block", "--stage", "prompt", "--json").json["records"][0]
    proof, key = used.folder / "decision.tlog-proof", used.folder / "log.pub"
    assert used.at("audit", "prove", record["id"], "-o", str(proof)).exit_code == 0
    shutil.move(used.folder / "data" / "audit-keys" / "signing.key.pub", key)
    shutil.rmtree(used.folder / "data")
    checked = used("audit", "check-proof", str(proof), "--public-key", str(key), "--json")
    assert checked.json["record"] == record
    assert "the proof holds" in used("audit", "check-proof", str(proof), "--public-key", str(key)).out
    lines = proof.read_text().split("\n")
    body = base64.b64decode(lines[1].removeprefix("extra ")).replace(b'"action":"block"', b'"action":"allow"')
    lines[1] = "extra " + base64.b64encode(body).decode()
    proof.write_text("\n".join(lines))
    forged = used("audit", "check-proof", str(proof), "--public-key", str(key))
    assert forged.exit_code == 3
    assert "DOES NOT HOLD" in forged.out


def test_a_record_is_shown_with_its_rules_and_scores_as_tables(used: Cli) -> None:
    """What people read are decimals from 0 to 1 and one line a score, not JSON."""
    record = used.at("audit", "list", "--action", "block", "--stage", "prompt", "--json").json["records"][0]
    shown = used.at("audit", "show", record["id"]).out
    assert re.search(r"violence +[01]\.\d{6}", shown)
    assert not re.search(r"^[{\[]", shown, re.MULTILINE)


def test_an_empty_page_says_so(used: Cli) -> None:
    """No table without rows; and a word that no record holds is exit code 2 with the words there are."""
    assert "no record fits" in used.at("audit", "list", "--since", "2999-01-01").out
    ran = used.at("audit", "list", "--category", "violense")
    assert ran.exit_code == 2
    assert "violence/graphic" in ran.err


def test_rows_without_an_action_tell_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    """A configuration's event and a gap's reason stand where a decision has its action."""
    print_records(
        [
            StoredRecord(1, "r2", "config", b"", b'{"event":"policies refused","type":"config"}'),
            StoredRecord(0, "r1", "gap", b"", b'{"reason":"disk full","type":"gap"}'),
        ]
    )
    shown = capsys.readouterr().out
    assert "policies refused" in shown
    assert "disk full" in shown


def test_a_request_id_of_two_tenants_is_asked_by_tenant(used: Cli) -> None:
    """Two clients that chose the same id are never shown as one request."""
    log = SqliteAuditLog.open(AuditSettings(used.folder / "data" / "audit", origin="imagegate.local/log"))
    for tenant in ("acme", "shop"):
        public = {"request": {"id": "mine", "tenant": tenant, "surface": "http"}, "stage": "outcome"}
        log.append(RecordDraft("decision", new_id(), public, None, tenant)).result(10)
    log.close()
    mixed = used.at("audit", "show", "mine")
    assert mixed.exit_code == 2
    assert "acme, shop" in mixed.err
    assert used.at("audit", "show", "mine", "--tenant", "shop", "--json").json["tenant"] == "shop"
