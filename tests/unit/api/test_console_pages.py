"""What a reviewer sees and does on `/review`, as HTML."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.browsing import REVIEWED, Reviewed, lively, with_keys
from support.gateway import Painting, Scripted, scripted_gateway
from support.reviewing import ANN, BEN, EVERY, LEAD, reviews

from classifiers.weights import check_sha256, read_sums
from gateway.api.console.rendering import STATIC
from gateway.audit.filters import RecordFilter

HOSTILE = "a violent <script>alert(1)</script> \u202eapple\u200b '\"><img src=x onerror=alert(2)>"


@pytest.fixture
async def painted(tmp_path: Path) -> AsyncIterator[tuple[Scripted, Painting]]:
    painting = Painting()
    async with scripted_gateway(tmp_path / "g", policy=REVIEWED, painting=painting) as gate:
        yield gate, painting


@pytest.fixture
def scripted(painted: tuple[Scripted, Painting]) -> Scripted:
    return painted[0]


@pytest.fixture
async def reviewed(scripted: Scripted, tmp_path: Path) -> AsyncIterator[Reviewed]:
    made = with_keys(scripted, tmp_path)
    async with made.http:
        await made.sign_in()
        yield made


async def case_of(scripted: Scripted, rule: str) -> Any:
    page = await scripted.gateway.desk.queue(LEAD, EVERY)
    return next(case for case in page.cases if rule in case.rules)


def accesses(scripted: Scripted) -> int:
    return len(scripted.reader.records(RecordFilter(type="access")).records)


async def test_the_queue_shows_held_first(reviewed: Reviewed, painted: tuple[Scripted, Painting]) -> None:
    """One row a request, in the desk's order, the hold with its clock."""
    await lively(*painted)
    page = (await reviewed.http.get("/review")).text
    assert re.findall(r'<span class="badge is-(held|blocked|rewritten|redacted)">', page) == [
        "held", "blocked", "blocked", "blocked", "rewritten", "rewritten", "redacted",
    ]  # fmt: skip
    assert page.count("data-deadline") == 1


async def test_a_case_shows_the_diff_the_scores_and_the_proof(reviewed: Reviewed, scripted: Scripted) -> None:
    """What was taken out is marked; the score stands on its bands; the look is on record before."""
    await scripted.draw("a rude apple")
    case = await case_of(scripted, "rude")
    page = (await reviewed.http.get(f"/review/cases/{case.id}")).text
    assert "<del>rude </del>" in page
    assert "Rule rude (rewrite): words measured profanity .95 (high); the rule begins at .30." in page
    assert page.count('<rect class="bar"') == 9
    assert "What nobody looked for" in page
    assert accesses(scripted) == 1
    assert "Tampered" not in page
    proof = (await reviewed.http.get(f"/review/cases/{case.id}/proof")).text
    assert "6 records fit their leaves" in proof


async def test_hostile_text_stays_text(reviewed: Reviewed, scripted: Scripted) -> None:
    """Markup is escaped everywhere; characters that hide or turn text are shown by their code point."""
    await scripted.draw(HOSTILE, user="<b>bob</b>")
    case = await case_of(scripted, "violent")
    await reviewed.post(f"/review/cases/{case.id}/act", act="note", note=f"</textarea>{HOSTILE}")
    for path in ("/review", f"/review/cases/{case.id}"):
        page = (await reviewed.http.get(path)).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert ">U+202E</span>" in page
    assert "U+200B" in page


async def test_a_refused_form_keeps_what_was_typed_and_stays_text(
    reviewed: Reviewed, scripted: Scripted
) -> None:
    """The reason that the policy asks for is missing: the page says so and loses nothing."""
    await scripted.draw("a violent apple")
    case = await case_of(scripted, "violent")
    answer = await reviewed.post(
        f"/review/cases/{case.id}/act", act="overturn-allow", note="</textarea><script>1</script>"
    )
    assert answer.status_code == 400
    assert "the policy asks for one with overturn" in answer.text
    assert "&lt;/textarea&gt;&lt;script&gt;" in answer.text
    assert reviews(scripted) == []


async def test_confirm_leads_to_the_next_case_and_can_be_undone(
    reviewed: Reviewed, scripted: Scripted
) -> None:
    """The act is on record at once; the undo is another record and opens the case again."""
    await scripted.draw("a violent apple")
    await scripted.draw("a violent pear")
    first, second = (await scripted.gateway.desk.queue(LEAD, EVERY)).cases
    answer = await reviewed.post(f"/review/cases/{first.id}/act", act="confirm")
    there = answer.headers["location"]
    assert there.startswith(f"/review/cases/{second.id}?")
    page = (await reviewed.http.get(there)).text
    undo = re.search(r'action="(/review/acts/[^"]+/undo)"', page)
    assert undo
    assert "On record: <strong>confirm</strong>" in page
    answer = await reviewed.post(undo[1])
    assert answer.headers["location"].startswith(f"/review/cases/{first.id}?")
    assert [record["act"] for record in reviews(scripted)] == ["confirm", "undo"]


async def test_every_act_reaches_the_record(reviewed: Reviewed, scripted: Scripted) -> None:
    """Each button of a case is the act of that name."""
    await scripted.draw("a violent apple")
    await scripted.draw("an unsure apple")
    blocked, held = await case_of(scripted, "violent"), await case_of(scripted, "unsure")
    path = f"/review/cases/{blocked.id}/act"
    for fields in (
        {"act": "note", "note": "a word"}, {"act": "tag", "tags": "art portrait"}, {"act": "later"},
        {"act": "overturn-rewrite", "reason": "art"},
    ):  # fmt: skip
        assert (await reviewed.post(path, **fields)).status_code == 303
    assert (await reviewed.post(f"/review/cases/{held.id}/act", act="escalate")).status_code == 303
    await reviewed.sign_in("admin")
    assert (await reviewed.post(f"/review/cases/{held.id}/act", act="refuse")).status_code == 303
    done = [(record["act"], record.get("to")) for record in reviews(scripted)]
    assert done == [
        ("note", None), ("tag", None), ("later", None), ("overturn", "rewrite"), ("escalate", None),
        ("refuse", None),
    ]  # fmt: skip


async def test_a_case_in_another_s_hand_says_so(reviewed: Reviewed, scripted: Scripted) -> None:
    """It can be read, not acted on; the queue shows who has it."""
    await scripted.draw("a violent apple")
    case = await case_of(scripted, "violent")
    await scripted.gateway.desk.open_case(BEN, case.id)
    page = (await reviewed.http.get(f"/review/cases/{case.id}")).text
    assert "Held by key_ben" in page
    assert "held by key_ben" in (await reviewed.http.get("/review")).text
    answer = await reviewed.post(f"/review/cases/{case.id}/act", act="confirm")
    assert answer.status_code == 409
    assert reviews(scripted) == []


async def test_leaving_gives_the_case_back(reviewed: Reviewed, scripted: Scripted) -> None:
    """By the button, and by the page itself when it is left."""
    await scripted.draw("a violent apple")
    case = await case_of(scripted, "violent")
    for fields, status in (({}, 303), ({"quiet": "1"}, 204)):
        await reviewed.http.get(f"/review/cases/{case.id}")
        assert not (await scripted.gateway.desk.open_case(ANN, case.id)).acquired
        assert (await reviewed.post(f"/review/cases/{case.id}/leave", **fields)).status_code == status
        assert (await scripted.gateway.desk.open_case(ANN, case.id)).acquired
        await scripted.gateway.desk.free(ANN, case.id)


async def test_a_picture_is_hidden_until_asked_for(
    reviewed: Reviewed, painted: tuple[Scripted, Painting]
) -> None:
    """The page has no picture in it; each look is a record; what is not kept is not there."""
    scripted, painting = painted
    painting.marks = (1,)
    await scripted.draw("a painting", size="256x256")
    case = await case_of(scripted, "shown")
    page = (await reviewed.http.get(f"/review/cases/{case.id}")).text
    assert "<img" not in page.partition("<main")[2]
    before = accesses(scripted)
    answer = await reviewed.http.get(f"/review/cases/{case.id}/pictures/0?kind=tile")
    assert answer.headers["content-type"].startswith("image/")
    assert answer.headers["cache-control"] == "no-store"
    assert accesses(scripted) == before + 1
    assert (await reviewed.http.get(f"/review/cases/{case.id}/pictures/7")).status_code == 404


async def test_another_tenant_s_case_is_not_there(reviewed: Reviewed, scripted: Scripted) -> None:
    """Nor its texts, its picture, its proof or its row in the explorer."""
    await scripted.draw("a violent apple")
    case = await case_of(scripted, "violent")
    await reviewed.sign_in("elsewhere")
    for end in ("", "/proof", "/pictures/0"):
        assert (await reviewed.http.get(f"/review/cases/{case.id}{end}")).status_code == 404
    assert (await reviewed.post(f"/review/cases/{case.id}/act", act="confirm")).status_code == 404
    assert (await reviewed.http.get("/review/requests.json")).json() == {"requests": [], "next": None}
    assert (await reviewed.http.get("/review/requests.json?tenant=default")).status_code == 403
    assert accesses(scripted) == 0


async def test_a_tampered_record_is_red(reviewed: Reviewed, scripted: Scripted) -> None:
    """A byte changed on disk shows at once, on the case and in its proof."""
    await scripted.draw("a violent apple")
    case = await case_of(scripted, "violent")
    with sqlite3.connect(scripted.settings.data / "audit" / "audit.db") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute(
            "UPDATE records SET body = replace(body, '\"Violence.\"', '\"Violenz..\"') WHERE id = ?",
            (case.decision,),
        )
    page = (await reviewed.http.get(f"/review/cases/{case.id}")).text
    assert "<strong>Tampered.</strong> 1 of this request" in page
    proof = (await reviewed.http.get(f"/review/cases/{case.id}/proof")).text
    assert 'class="proof bad"' in proof
    assert case.decision in proof


async def test_bulk_shows_count_and_sample_first(reviewed: Reviewed, scripted: Scripted) -> None:
    """Nothing happens before it is confirmed; then one record a case."""
    for number in range(3):
        await scripted.draw(f"a violent apple {number}")
    cases = [case.id for case in (await scripted.gateway.desk.queue(LEAD, EVERY)).cases]
    answer = await reviewed.post("/review/bulk", case=cases, act="confirm")
    assert "confirm 3 cases?" in answer.text
    assert reviews(scripted) == []
    answer = await reviewed.post("/review/bulk", case=cases, act="confirm", sure="yes")
    assert "3 on record" in answer.text
    assert [record["act"] for record in reviews(scripted)] == ["confirm"] * 3
    assert (await reviewed.post("/review/bulk", case=cases, act="release")).status_code == 400


def test_what_comes_from_elsewhere_is_pinned() -> None:
    """htmx is unchanged, and its licence lies beside it."""
    sums = read_sums(STATIC)
    assert set(sums) == {"htmx.min.js", "LICENSE.htmx.txt"}
    for name, digest in sums.items():
        check_sha256(STATIC / name, digest)


@pytest.mark.parametrize("name", ["README.md", "SHA256SUMS", "..%2frouter.py", "frame.html"])
async def test_nothing_else_of_the_folder_is_served(reviewed: Reviewed, name: str) -> None:
    """Only the four files of the pages have an address."""
    assert (await reviewed.http.get(f"/review/static/{name}")).status_code == 404
