"""What reviewers look for in the log and could not find: rules on trial, and rewrites that failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.audit import verified
from support.gateway import POLICY, Rewriting, scripted_gateway

from gateway.audit.filters import RecordFilter
from gateway.audit.settings import AuditSettings

TRIAL = (
    "      - {id: trial, when: {category: violence, at_least: low}, action: block, mode: shadow, "
    "reason: Would it be too strict?, date: 2026-01-01}\n"
)
POLICY_WITH_TRIAL = POLICY.replace("  image:\n", TRIAL + "  image:\n", 1).replace(
    "max_attempts: 2", "max_attempts: 1"
)


def failing(_: Any) -> str:
    return "a rude pear"  # it still offends


async def test_a_failed_rewrite_is_found_as_the_block_that_it_became(tmp_path: Path) -> None:
    """By its action and the category that led to it, or by the rule."""
    async with scripted_gateway(
        tmp_path / "g", policy=POLICY_WITH_TRIAL, rewriter=Rewriting(failing)
    ) as scripted:
        await scripted.draw("a rude apple")
        asked = RecordFilter(action="block", category="profanity")
        (found,) = scripted.reader.records(asked).records
        assert (found.public["stage"], found.public["because"][0]["id"]) == ("outcome", "rude")
        assert verified(AuditSettings(scripted.settings.data / "audit"))


async def test_a_rule_on_trial_is_found(tmp_path: Path) -> None:
    """The requests on which it matched, and no others; other filters narrow them."""
    async with scripted_gateway(tmp_path / "g", policy=POLICY_WITH_TRIAL) as scripted:
        await scripted.draw("an apple")
        await scripted.draw("a violent apple")

        (found,) = scripted.reader.records(RecordFilter(shadow="trial")).records
        assert (found.public["stage"], found.public["shadowed"]) == ("outcome", ["trial"])
        assert scripted.reader.records(RecordFilter(shadow="trial", action="allow")).records == ()
        assert scripted.reader.records(RecordFilter(shadow="trial", rule="violent")).records == ()
        shown = (await scripted.http.get("/v1/audit/records?shadow=trial")).json()["data"]
        assert [record["id"] for record in shown] == [found.id]
        assert verified(AuditSettings(scripted.settings.data / "audit"))
